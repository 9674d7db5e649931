// Trains a PyTorch model on batches that C++ makes: points in and outside of a circle.
#include <py4cpp/py4cpp.hpp>

#include <xtensor/xrandom.hpp>

#include <iostream>

constexpr auto training = R"(
import torch
from torch.utils.data import DataLoader
from py4cpp.torch import FeedDataset

def train(feed):
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(2, 32), torch.nn.ReLU(), torch.nn.Linear(32, 2))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for batch in DataLoader(FeedDataset(feed), batch_size=None):  # tensors on the pages that C++ wrote
        scores = model(batch["points"])
        loss = torch.nn.functional.cross_entropy(scores, batch["inside"])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return float((scores.argmax(1) == batch["inside"]).float().mean())
)";

int main() {
  py4cpp::Python py;
  py.exec(training);

  constexpr int rows = 256;
  py4cpp::Feed feed(py, {{"points", py4cpp::float32, {rows, 2}}, {"inside", py4cpp::int64, {rows}}});
  auto accuracy = py.call_async<double>("train", feed);
  for (int step = 0; step < 500; ++step) {
    py4cpp::Batch batch = feed.acquire();  // waits while Python is behind
    auto points = batch.array<float>("points");
    points.view() = xt::random::rand<float>({rows, 2}, -1.F, 1.F);
    batch.array<std::int64_t>("inside").view() = xt::cast<std::int64_t>(xt::sum(xt::square(points.view()), {1}) < 0.5F);
    batch.publish();
  }
  feed.close();

  std::cout << "accuracy on the last batch: " << accuracy.get() << '\n';
  return accuracy.get() > 0.9 ? 0 : 1;
}
