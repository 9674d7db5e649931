// Fits a scikit-learn model to a stream that never is in memory as a whole; the last batch is a short one.
#include <py4cpp/py4cpp.hpp>

#include <xtensor/xrandom.hpp>

#include <algorithm>
#include <iostream>

constexpr auto fitting = R"(
from sklearn.linear_model import SGDRegressor

def fit(feed):
    model = SGDRegressor(random_state=0)
    for batch in feed:
        model.partial_fit(batch["x"], batch["y"])
    return model
)";

int main() {
  py4cpp::Python py;
  py.exec(fitting);

  const xt::xtensor<double, 1> truth{2.0, -1.0, 0.5};
  std::size_t left = 100'100;  // rows
  constexpr std::size_t rows = 1000;

  py4cpp::Feed feed(py, {{"x", py4cpp::float64, {rows, truth.size()}}, {"y", py4cpp::float64, {rows}}});
  auto model = py.call_async<py4cpp::Object>("fit", feed);
  while (left > 0) {
    const std::size_t count = std::min(left, rows);
    py4cpp::Batch batch = feed.acquire();
    auto x = batch.array<double>("x").view();
    x = xt::random::randn<double>({rows, truth.size()});
    batch.array<double>("y").view() = xt::sum(x * truth, {1});
    batch.publish(count);
    left -= count;
  }
  feed.close();

  const auto found = model.get().attr<std::vector<double>>("coef_");
  for (std::size_t i = 0; i < found.size(); ++i) std::cout << found[i] << " for " << truth(i) << '\n';
  return std::abs(found[0] - truth(0)) < 0.01 ? 0 : 1;
}
