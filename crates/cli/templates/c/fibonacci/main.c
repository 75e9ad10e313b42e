// Computes Fibonacci numbers for whoever asks: {"Number":10} is answered with {"Number":55}.

#include <stdio.h>
#include <string.h>

#include "wharf.h"

// The largest that fits 64 bits.
#define LAST 93

static unsigned long long fibonacci(unsigned place) {
  unsigned long long number = 0, next = 1, sum;
  for (; place > 0; place--) {
    sum = number + next;
    number = next;
    next = sum;
  }
  return number;
}

static void answer(const wharf_message *message) {
  char text[128];
  unsigned place;
  int end = 0;
  // Blanks in the pattern stand for any number of them, also none. What is longer than the text cannot be right.
  snprintf(text, sizeof text, "%.*s", (int)message->body.len, (const char *)message->body.ptr);
  if (sscanf(text, " { \"Number\" : %9u } %n", &place, &end) != 1 || end == 0 || text[end]) {
    wharf_fail("not a request to fibonacci");
    return;
  }
  if (place > LAST) {
    snprintf(text, sizeof text, "%u is too large: the last number that fits is %d", place, LAST);
    wharf_fail(text);
    return;
  }
  snprintf(text, sizeof text, "{\"Number\":%llu}", fibonacci(place));
  wharf_respond(wharf_text(text));
}

void wharf_init(const char *our) {
  (void)our;
  wharf_message message;
  for (;;) {
    wharf_receive(&message);
    if (message.kind == WHARF_REQUEST) answer(&message);
  }
}
