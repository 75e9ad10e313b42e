// Write Wharf processes in C.
//
// A process is the function `wharf_init(our)`. It lives until that returns, and does everything by message.
//
// What a call hands out (bytes, texts) is valid until the next call of `wharf_receive` or `wharf_ask`, and then freed.
// The whole interface, and whatever is not here, is in `process_v1.h`, which `wharf build` writes to `target/c`.
// This file belongs to the package, so change what you like.

#ifndef WHARF_H
#define WHARF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Bytes, or text in UTF-8. There is no zero at the end.
typedef struct {
  const uint8_t *ptr;
  size_t len;
} wharf_bytes;

// The bytes of a C string.
wharf_bytes wharf_text(const char *text);

// Whether bytes are those of a C string.
bool wharf_is(wharf_bytes bytes, const char *text);

typedef enum {
  WHARF_REQUEST,   // someone wants something
  WHARF_RESPONSE,  // the answer to a request of ours
  WHARF_FAILED,    // a request of ours brought no answer
} wharf_kind;

typedef struct {
  wharf_kind kind;
  char source[512];      // who sent it: node@process:package:publisher
  wharf_bytes body;      // usually JSON
  wharf_bytes metadata;  // free text; `ptr` is NULL when there is none
} wharf_message;

// The process. Written by you.
void wharf_init(const char *our);

// Shows a line to whoever watches the node.
void wharf_print(const char *line);

// Waits for the next message.
void wharf_receive(wharf_message *message);

// Whether this process of this node sent it, for example "http-server:distro:sys".
bool wharf_is_from(const wharf_message *message, const char *process);

// What came beside the message received last; `ptr` is NULL when nothing did.
bool wharf_has_blob(void);
wharf_bytes wharf_blob(void);

// Answers the request received last.
void wharf_respond(wharf_bytes body);
// The same, with metadata (`ptr` may be NULL). `echo_blob` sends back the blob that came; its bytes never come here.
void wharf_respond_with(wharf_bytes body, wharf_bytes metadata, bool echo_blob);
// Says in the metadata why something failed. The text goes into JSON: no quotes, no backslashes.
void wharf_fail(const char *why);

// Asks a process of this node and waits for its answer, up to some seconds. False when there was none.
bool wharf_ask(const char *process, wharf_bytes body, uint64_t seconds, wharf_message *answer);

// What the process keeps over restarts and upgrades: false when nothing was ever saved. Saved when `set` returns.
bool wharf_get_state(wharf_bytes *state);
void wharf_set_state(wharf_bytes state);

// ---- the web ----

typedef enum { WHARF_ANYONE, WHARF_LOGGED_IN, WHARF_THIS_MACHINE } wharf_access;

// An HTTP request for a path that this process bound. What does not fit is cut off.
typedef struct {
  char method[16];
  char path[256];  // as it was bound, below the process's own: "/" is the process itself
} wharf_http;

// Sends requests for a path to this process. False when the server refuses.
bool wharf_bind(const char *path, wharf_access access);
// Reads a message as an HTTP request. False when it is something else. Its body is the blob.
bool wharf_http_read(const wharf_message *message, wharf_http *http);
// Answers the HTTP request being handled. `headers` is the inside of a JSON object, for example
// "\"Cache-Control\":\"no-store\"", or "".
void wharf_http_reply(int status, const char *mime, const char *headers, wharf_bytes body);

#endif
