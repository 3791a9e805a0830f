// The shim, compiled once for all functions.
#define TRIVET_IMPLEMENTATION
#include "trivet.hpp"
