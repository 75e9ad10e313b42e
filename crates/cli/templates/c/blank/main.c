// A process that does nothing yet.

#include <stdio.h>

#include "wharf.h"

void wharf_init(const char *our) {
  char line[600];
  wharf_message message;
  snprintf(line, sizeof line, "%s is up", our);
  wharf_print(line);
  for (;;) {
    wharf_receive(&message);
    // Whoever asks learns that nothing is understood here yet.
    if (message.kind == WHARF_REQUEST) wharf_fail("this process understands nothing yet");
  }
}
