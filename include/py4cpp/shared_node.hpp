// The storage behind containers, long texts and big integers in a Value: immutable nodes with a reference count in
// them, so a handle is one pointer and a copy one increment. Nodes are destroyed from a list, never from within one
// another, so dropping a nest a million deep takes no stack.
#pragma once

#include <atomic>
#include <cstddef>
#include <utility>

namespace py4cpp::detail {

class Node {
 public:
  Node() noexcept = default;
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;
  virtual ~Node() = default;

 private:
  friend class SharedNode;
  friend void retire(const Node* node) noexcept;

  mutable std::atomic<std::size_t> references_{1};
  mutable const Node* next_retired_ = nullptr;
};

// Destroys a node, and whatever that leaves without an owner, one after the other. Never throws, never allocates.
void retire(const Node* node) noexcept;

class SharedNode {
 public:
  SharedNode() noexcept = default;
  explicit SharedNode(const Node* adopted) noexcept : node_(adopted) {}
  SharedNode(const SharedNode& other) noexcept : node_(other.node_) {
    if (node_ != nullptr) node_->references_.fetch_add(1, std::memory_order_relaxed);
  }
  SharedNode(SharedNode&& other) noexcept : node_(std::exchange(other.node_, nullptr)) {}
  SharedNode& operator=(SharedNode other) noexcept {
    std::swap(node_, other.node_);
    return *this;
  }
  ~SharedNode() {
    if (node_ != nullptr && node_->references_.fetch_sub(1, std::memory_order_acq_rel) == 1) retire(node_);
  }

  const Node* get() const noexcept { return node_; }
  bool sole() const noexcept { return node_ != nullptr && node_->references_.load(std::memory_order_acquire) == 1; }
  explicit operator bool() const noexcept { return node_ != nullptr; }

 private:
  const Node* node_ = nullptr;
};

// One immutable T in a node.
template <class T>
class Boxed final : public Node {
 public:
  explicit Boxed(T boxed) : value(std::move(boxed)) {}
  T value;  // changed by nobody but a sole owner that gives it away
};

}  // namespace py4cpp::detail
