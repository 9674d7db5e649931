// Serves a PyTorch model to many C++ threads: each fills a request in shared memory, Python answers in place.
#include <py4cpp/py4cpp.hpp>

#include <iostream>
#include <thread>
#include <vector>

constexpr auto model = R"(
import torch

torch.manual_seed(0)
torch.set_num_threads(1)
model = torch.nn.Linear(16, 4).eval()
with torch.no_grad():
    model.weight.fill_(1.0)
    model.bias.copy_(torch.arange(4.0))

@torch.inference_mode()
def infer(inputs, outputs):
    torch.from_numpy(outputs)[:] = model(torch.from_numpy(inputs))
)";

int main() {
  py4cpp::Python py;
  py.exec(model);
  const auto infer = py.function<void(py4cpp::Array<float>, py4cpp::Array<float>)>("infer");

  std::atomic<int> wrong{0};
  std::vector<std::thread> clients;
  clients.reserve(4);
  for (int client = 0; client < 4; ++client) {
    clients.emplace_back([&, client] {
      auto inputs = py.array<float>({8, 16});  // one pair of arrays for all of this thread's requests
      auto outputs = py.array<float>({8, 4});
      for (int request = 0; request < 100; ++request) {
        inputs.view() = static_cast<float>(client);
        infer(inputs, outputs);  // returns when this thread's answer is there
        for (int k = 0; k < 4; ++k) {
          if (outputs.view()(7, k) != static_cast<float>(16 * client + k)) ++wrong;
        }
      }
    });
  }
  for (auto& client : clients) client.join();

  const py4cpp::Stats stats = py.stats();
  std::cout << stats.calls << " calls, " << stats.arrays_shared << " arrays shared, " << stats.arrays_copied
            << " copied, " << wrong << " wrong answers\n";
  return wrong == 0 && stats.arrays_copied == 0 ? 0 : 1;
}
