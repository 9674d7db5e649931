// Every conversion: a type travels if Convert<T> says how.
#pragma once

#include <py4cpp/callable.hpp>
#include <py4cpp/convert_array.hpp>
#include <py4cpp/convert_chrono.hpp>
#include <py4cpp/convert_container.hpp>
#include <py4cpp/convert_path.hpp>
#include <py4cpp/convert_scalar.hpp>
#include <py4cpp/convert_struct.hpp>
#include <py4cpp/value.hpp>
