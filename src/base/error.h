#pragma once
// Error and ErrorCode are part of the public API; inside, they are base words like any other.
#include "trivet/error.h"  // IWYU pragma: export
