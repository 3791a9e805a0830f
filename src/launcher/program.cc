// The launcher's program: started by launcher.cc, with the socket to its host as descriptor 3.
#include <signal.h>

#include "launcher/serving.h"

int main() {
  trivet::launcher::Serving serving{trivet::os::Fd{3}};
  return serving.run();
}
