// Answers every request with the body, metadata and blob it brought.

#include "wharf.h"

void wharf_init(const char *our) {
  (void)our;
  wharf_message message;
  for (;;) {
    wharf_receive(&message);
    // A late answer to nothing we asked, or a request of ours that failed: we send none.
    if (message.kind == WHARF_REQUEST) wharf_respond_with(message.body, message.metadata, wharf_has_blob());
  }
}
