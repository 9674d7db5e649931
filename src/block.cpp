#include "block.hpp"

namespace py4cpp {

Block::~Block() = default;

}  // namespace py4cpp
