// Counts how often its page was opened: one number, shown on the web and told by message.
//
//   a browser    GET /                   counts one, shows the page
//   a program    GET /api, POST /api     {"count":n}; POST counts one
//   a process    "Get", "Increment"      {"count":n}
//
// The number is saved before it is told, so that nobody ever sees it go back.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "page.h"
#include "wharf.h"

// Every view counts, so none may come from a cache. The page may run what is in it and talk to this node, and nothing else.
#define NO_STORE "\"Cache-Control\":\"no-store\""
#define SECURITY                                                                                                     \
  "\"Content-Security-Policy\":\"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "      \
  "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\""

static unsigned long long count;

static void write_count(char *to, size_t size) { snprintf(to, size, "{\"count\":%llu}", count); }

static void increment(void) {
  char state[64];
  count++;
  write_count(state, sizeof state);
  wharf_set_state(wharf_text(state));
}

// What is saved and not understood is left alone: better no counter than one that starts again.
static bool load(void) {
  char text[64];
  wharf_bytes state;
  if (!wharf_get_state(&state)) return true;
  snprintf(text, sizeof text, "%.*s", (int)state.len, (const char *)state.ptr);
  return sscanf(text, "{\"count\":%llu}", &count) == 1;
}

// Appends `text` up to `{{`, then what stands there for the mark. Returns what comes behind the mark.
static const char *until_mark(char *to, const char *text, const char *value) {
  const char *mark = strstr(text, "{{");
  strncat(to, text, (size_t)(mark - text));
  strcat(to, value);
  return strstr(mark, "}}") + 2;
}

static void answer_page(const char *process) {
  // The page has its three marks in this order.
  char page[sizeof PAGE + 1024], number[32], api[512];
  page[0] = 0;
  snprintf(number, sizeof number, "%llu", count);
  snprintf(api, sizeof api, "/%s/api", process);
  const char *rest = until_mark(page, PAGE, number);
  rest = until_mark(page, rest, count == 1 ? "time" : "times");
  rest = until_mark(page, rest, api);
  strcat(page, rest);
  wharf_http_reply(200, "text/html; charset=utf-8", NO_STORE "," SECURITY, wharf_text(page));
}

static void answer_web(const wharf_http *http, const char *process) {
  char told[64];
  bool is_get = strcmp(http->method, "GET") == 0, is_post = strcmp(http->method, "POST") == 0;
  if (strcmp(http->path, "/") == 0) {
    if (is_get) {
      increment();
      answer_page(process);
    } else if (strcmp(http->method, "HEAD") == 0) {
      wharf_http_reply(200, "text/html; charset=utf-8", NO_STORE, wharf_text(""));
    } else {
      wharf_http_reply(405, "text/plain", "\"Allow\":\"GET, HEAD\"", wharf_text(""));
    }
  } else if (is_get || is_post) {
    if (is_post) increment();
    write_count(told, sizeof told);
    wharf_http_reply(200, "application/json", NO_STORE, wharf_text(told));
  } else {
    wharf_http_reply(405, "text/plain", "\"Allow\":\"GET, POST\"", wharf_text(""));
  }
}

static void answer_process(const wharf_message *message) {
  char told[64];
  if (wharf_is(message->body, "\"Increment\"")) {
    increment();
  } else if (!wharf_is(message->body, "\"Get\"")) {
    wharf_fail("not a request to the counter");
    return;
  }
  write_count(told, sizeof told);
  wharf_respond(wharf_text(told));
}

void wharf_init(const char *our) {
  wharf_message message;
  wharf_http http;
  const char *process = strchr(our, '@') + 1;
  if (!load()) {
    wharf_print("the saved state is not understood");
    return;
  }
  if (!wharf_bind("/", WHARF_ANYONE) || !wharf_bind("/api", WHARF_ANYONE)) {
    wharf_print("the web server does not let this process bind its paths");
    return;
  }
  for (;;) {
    wharf_receive(&message);
    if (wharf_http_read(&message, &http)) {
      answer_web(&http, process);
    } else if (message.kind == WHARF_REQUEST) {
      answer_process(&message);
    }
  }
}
