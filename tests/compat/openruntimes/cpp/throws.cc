#include "RuntimeOutput.h"
#include "RuntimeContext.h"
#include <stdexcept>

namespace runtime {
    class Handler {
    public:
        static RuntimeOutput main(RuntimeContext &context)
        {
            throw std::runtime_error("kaboom");
        }
    };
}
