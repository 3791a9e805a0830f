#pragma once
// Result<T> is part of the public API; inside, it is a base word like any other.
#include "trivet/result.h"  // IWYU pragma: export
