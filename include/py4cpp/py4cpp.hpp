// Everything: use Python, in a process of its own, from C++.
#pragma once

#include <py4cpp/array.hpp>
#include <py4cpp/big_int.hpp>
#include <py4cpp/chain.hpp>
#include <py4cpp/collect.hpp>
#include <py4cpp/config.hpp>
#include <py4cpp/convert.hpp>
#include <py4cpp/error.hpp>
#include <py4cpp/errors.hpp>
#include <py4cpp/feed.hpp>
#include <py4cpp/function.hpp>
#include <py4cpp/future.hpp>
#include <py4cpp/generator.hpp>
#include <py4cpp/host_object.hpp>
#include <py4cpp/monitor.hpp>
#include <py4cpp/object.hpp>
#include <py4cpp/python.hpp>
#include <py4cpp/value.hpp>

#include <xtensor/xarray.hpp>
#include <xtensor/xbuilder.hpp>
#include <xtensor/xmath.hpp>
#include <xtensor/xtensor.hpp>
#include <xtensor/xview.hpp>
