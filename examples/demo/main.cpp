// C++ feeds PyTorch: digits are read, augmented and batched in C++, straight into memory that Python trains on.
//
// While Python trains on one batch, C++ fills the next. No batch is copied: the counters at the end say so.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <iomanip>
#include <iostream>
#include <numeric>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <py4cpp/py4cpp.hpp>
#include <xtensor/xsort.hpp>

#include "augment.hpp"
#include "digits.hpp"
#include "picture.hpp"
#include "png.hpp"

namespace demo {
namespace {

using namespace py4cpp::literals;
using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr double held_out_fraction = 0.2;
constexpr double accuracy_wanted = 0.95;
constexpr std::size_t slot_count = 3;  // one that Python trains on, one that waits for it, one that C++ fills

struct Options {
  std::size_t epochs = 40;
  std::size_t batch = 64;
  std::uint64_t seed = 7;
  std::filesystem::path data;
  std::filesystem::path png = "digits.png";
  std::string python = "/usr/bin/python3";  // Debian's, for which python3-torch is installed
};

/// Fills batches while Python trains on earlier ones, the digits in a new order in each epoch. Returns their number.
std::size_t train(py4cpp::Python& py, const py4cpp::Object& trainer, const Digits& digits, const Options& options) {
  const std::size_t report_every = std::max<std::size_t>(1, options.epochs / 10);
  const auto report = [&](std::size_t epoch, double loss) {
    if (epoch % report_every != 0 && epoch != options.epochs) return;
    std::cout << "  epoch " << std::setw(3) << epoch << "  loss " << std::setprecision(4) << loss << std::endl;
  };
  py4cpp::Feed feed(
      py, {{"images", py4cpp::float32, {options.batch, 1, side, side}}, {"labels", py4cpp::int64, {options.batch}}},
      {.slots = slot_count, .name = "digits"});
  const auto trained = py.method_async<void>(trainer, "train", feed, options.epochs, report);

  Augmenter augmenter(options.seed);
  std::vector<std::size_t> order(digits.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const std::size_t batches = digits.size() / options.batch;
  Seconds filling{0};
  const auto start = Clock::now();
  for (std::size_t epoch = 1; epoch <= options.epochs; ++epoch) {
    std::shuffle(order.begin(), order.end(), augmenter.random());
    for (std::size_t i = 0; i < batches; ++i) {
      py4cpp::Batch batch = feed.acquire();  // waits only if Python hasn't finished with the oldest slot
      const auto filling_started = Clock::now();
      augmenter.fill(digits, std::span(order).subspan(i * options.batch, options.batch),
                     batch.array<float>("images").view(), batch.array<std::int64_t>("labels").view());
      filling += Clock::now() - filling_started;
      batch.publish();
    }
    feed.end_epoch();
  }
  feed.close();
  trained.get();
  const Seconds elapsed = Clock::now() - start;
  const std::uint64_t published = feed.stats().published;
  std::cout << std::setprecision(1) << "Trained on " << published << " batches in " << elapsed.count()
            << " s: " << static_cast<double>(published) / elapsed.count() << " batches/s; meanwhile C++ filled them in "
            << filling.count() << " s\n";
  return published;
}

/// The class probabilities {digits.size(), 10}, which Python writes into memory of ours.
py4cpp::Array<float> predict(py4cpp::Python& py, const py4cpp::Object& trainer, const Digits& digits) {
  auto images = py.array<float>({digits.size(), 1, side, side});
  auto probabilities = py.array<float>({digits.size(), class_count});
  images.view() = xt::view(digits.images, xt::all(), xt::newaxis());
  py.method<void>(trainer, "predict", images, probabilities);
  return probabilities;
}

xt::xtensor<std::int64_t, 1> most_likely(const py4cpp::Array<float>& probabilities) {
  const auto scores = probabilities.view();
  auto classes = xt::xtensor<std::int64_t, 1>::from_shape({probabilities.shape()[0]});
  for (std::size_t i = 0; i < classes.size(); ++i) {
    classes(i) = static_cast<std::int64_t>(xt::argmax(xt::row(scores, static_cast<std::ptrdiff_t>(i)))());
  }
  return classes;
}

/// Prints what crossed to Python while training; true if that was every batch, and each by sharing alone.
bool report_sharing(const py4cpp::Stats& before, const py4cpp::Stats& after, std::size_t batches) {
  const std::uint64_t shared = after.arrays_shared - before.arrays_shared;
  const std::uint64_t copied = after.arrays_copied - before.arrays_copied;
  const auto line = [](const char* name, std::uint64_t from, std::uint64_t to) {
    std::cout << "  " << std::left << std::setw(14) << name << std::right << std::setw(12) << from << std::setw(12)
              << to << std::setw(12) << to - from << '\n';
  };
  std::cout << "Counters           before       after  difference\n";
  line("arrays shared", before.arrays_shared, after.arrays_shared);
  line("bytes shared", before.bytes_shared, after.bytes_shared);
  line("arrays copied", before.arrays_copied, after.arrays_copied);
  line("bytes copied", before.bytes_copied, after.bytes_copied);

  const bool none_copied = shared == 2 * batches && copied == 0;
  std::cout << (none_copied ? "  = 2 arrays for each of " : "  These are NOT 2 shared arrays for each of ") << batches
            << (none_copied ? " batches, none copied\n" : " batches!\n");
  return none_copied;
}

bool run(const Options& options) {
  std::cout << std::fixed;
  const std::filesystem::path file = options.data.empty() ? find_digits() : options.data;
  const Digits digits = read_digits(file);
  const auto [training, held_out] = split(digits, held_out_fraction, options.seed);
  const std::size_t steps = training.size() / options.batch * options.epochs;
  if (steps == 0) throw std::runtime_error("no batch of --batch digits can be made from " + file.string());
  std::cout << digits.size() << " digits from " << file.string() << ": " << training.size() << " to train on, "
            << held_out.size() << " held out" << std::endl;

  py4cpp::Python py{py4cpp::Config{.python = options.python}};
  py.call<void>("sys.path.insert", 0, std::filesystem::read_symlink("/proc/self/exe").parent_path());
  const auto trainer = py.call<py4cpp::Object>("train.Trainer", "steps"_a = steps, "seed"_a = options.seed);
  std::cout << "PyTorch " << py.eval<std::string>("__import__('torch').__version__") << " in process " << py.pid()
            << " trains for " << options.epochs << " x " << steps / options.epochs << " batches of " << options.batch
            << " digits" << std::endl;

  const py4cpp::Stats before = py.stats();
  const std::size_t batches = train(py, trainer, training, options);
  const py4cpp::Stats after = py.stats();
  const bool none_copied = report_sharing(before, after, batches);

  const py4cpp::Array<float> probabilities = predict(py, trainer, held_out);
  const xt::xtensor<std::int64_t, 1> predictions = most_likely(probabilities);
  const double accuracy = xt::mean(xt::cast<double>(xt::equal(predictions, held_out.labels)))();
  std::cout << std::setprecision(4) << "Accuracy " << accuracy << " on " << held_out.size() << " held-out digits ("
            << accuracy_wanted << " wanted), mean confidence " << xt::mean(xt::amax(probabilities.view(), {1}))()
            << '\n';

  write_png(draw_predictions(held_out, predictions), options.png);
  std::cout << "Wrote " << options.png.string() << ": every held-out digit and its prediction, mistakes in red\n";
  return accuracy > accuracy_wanted && none_copied;
}

}  // namespace
}  // namespace demo

int main(int argc, char** argv) {
  demo::Options options;
  CLI::App app{"Trains a PyTorch network on handwritten digits that C++ prepares in shared memory."};
  app.add_option("--epochs", options.epochs, "passes over the training digits")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  app.add_option("--batch", options.batch, "digits in a batch")->check(CLI::Range(1, 100'000))->capture_default_str();
  app.add_option("--seed", options.seed, "of the split, the augmentation and the network")->capture_default_str();
  app.add_option("--data", options.data, "digits.csv or digits.csv.gz (default: scikit-learn's, found on disk)");
  app.add_option("--png", options.png, "where the picture goes")->capture_default_str();
  app.add_option("--python", options.python, "an interpreter that can import torch")->capture_default_str();
  CLI11_PARSE(app, argc, argv);

  try {
    return demo::run(options) ? EXIT_SUCCESS : EXIT_FAILURE;
  } catch (const py4cpp::errors::ModuleNotFoundError& error) {
    std::cerr << "demo: " << options.python << " has a module missing: " << error.message()
              << " (install python3-torch, or name another interpreter with --python)\n";
  } catch (const py4cpp::PythonError& error) {
    std::cerr << "demo: Python raised\n" << error.traceback() << '\n';
  } catch (const std::exception& error) {
    std::cerr << "demo: " << error.what() << '\n';
  }
  return EXIT_FAILURE;
}
