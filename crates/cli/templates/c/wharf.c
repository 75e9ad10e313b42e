// Write Wharf processes in C: see wharf.h.

#include "wharf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "process_v1.h"

typedef kinode_process_standard_address_t address_t;
typedef kinode_process_standard_message_t message_t;
typedef kinode_process_standard_lazy_load_blob_t blob_t;

// What was handed out, until the next message.
static kinode_process_standard_tuple2_address_message_t received;
static kinode_process_standard_tuple2_send_error_option_context_t failed;
static kinode_process_standard_send_error_t unanswered;
static blob_t beside;
static process_v1_list_u8_t saved;

// Freed once, whatever was filled in last.
#define FORGET(what, free_it)                  \
  do {                                         \
    free_it(&(what));                          \
    memset(&(what), 0, sizeof(what));          \
  } while (0)

static void forget(void) {
  FORGET(received, kinode_process_standard_tuple2_address_message_free);
  FORGET(failed, kinode_process_standard_tuple2_send_error_option_context_free);
  FORGET(unanswered, kinode_process_standard_send_error_free);
  FORGET(beside, kinode_process_standard_lazy_load_blob_free);
  FORGET(saved, process_v1_list_u8_free);
}

// ---- bytes and text ----

wharf_bytes wharf_text(const char *text) { return (wharf_bytes){(const uint8_t *)text, strlen(text)}; }

bool wharf_is(wharf_bytes bytes, const char *text) {
  return bytes.len == strlen(text) && memcmp(bytes.ptr, text, bytes.len) == 0;
}

// What the node is shown is not changed by it, whatever the bindings' types say.
static process_v1_list_u8_t shown(wharf_bytes bytes) {
  return (process_v1_list_u8_t){(uint8_t *)bytes.ptr, bytes.len};
}

static process_v1_string_t text_of(const char *text, size_t len) {
  return (process_v1_string_t){(uint8_t *)text, len};
}

void wharf_print(const char *line) {
  process_v1_string_t text = text_of(line, strlen(line));
  kinode_process_standard_print_to_terminal(0, &text);
}

// ---- ids ----

#define PART(text) (int)(text).len, (const char *)(text).ptr

static void write_address(char *to, size_t size, const address_t *address) {
  snprintf(to, size, "%.*s@%.*s:%.*s:%.*s", PART(address->node), PART(address->process.process_name),
           PART(address->process.package_name), PART(address->process.publisher_node));
}

// A process of this node. The parts point into the text.
static bool read_process(const char *text, address_t *address) {
  const char *first = strchr(text, ':');
  const char *second = first ? strchr(first + 1, ':') : NULL;
  if (!second) return false;
  address->node = text_of("our", 3);
  address->process.process_name = text_of(text, (size_t)(first - text));
  address->process.package_name = text_of(first + 1, (size_t)(second - first - 1));
  address->process.publisher_node = text_of(second + 1, strlen(second + 1));
  return true;
}

// ---- messages ----

static void show(wharf_message *message, const address_t *source, const message_t *content) {
  const kinode_process_standard_option_json_t *metadata;
  const process_v1_list_u8_t *body;
  if (content->tag == KINODE_PROCESS_STANDARD_MESSAGE_REQUEST) {
    message->kind = WHARF_REQUEST;
    body = &content->val.request.body;
    metadata = &content->val.request.metadata;
  } else {
    message->kind = WHARF_RESPONSE;
    body = &content->val.response.f0.body;
    metadata = &content->val.response.f0.metadata;
  }
  write_address(message->source, sizeof message->source, source);
  message->body = (wharf_bytes){body->ptr, body->len};
  message->metadata = metadata->is_some ? (wharf_bytes){metadata->val.ptr, metadata->val.len} : (wharf_bytes){NULL, 0};
}

static void show_failure(wharf_message *message, const kinode_process_standard_send_error_t *error) {
  show(message, &error->target, &error->message);
  message->kind = WHARF_FAILED;
}

void wharf_receive(wharf_message *message) {
  forget();
  if (kinode_process_standard_receive(&received, &failed)) {
    show(message, &received.f0, &received.f1);
  } else {
    show_failure(message, &failed.f0);
  }
}

bool wharf_is_from(const wharf_message *message, const char *process) {
  address_t our;
  char expected[512];
  kinode_process_standard_our(&our);
  snprintf(expected, sizeof expected, "%.*s@%s", PART(our.node), process);
  kinode_process_standard_address_free(&our);
  return strcmp(message->source, expected) == 0;
}

bool wharf_has_blob(void) { return kinode_process_standard_has_blob(); }

wharf_bytes wharf_blob(void) {
  FORGET(beside, kinode_process_standard_lazy_load_blob_free);
  if (!kinode_process_standard_get_blob(&beside)) {
    // The bindings fill it in with whatever was on the stack.
    memset(&beside, 0, sizeof beside);
    return (wharf_bytes){NULL, 0};
  }
  return (wharf_bytes){beside.bytes.ptr, beside.bytes.len};
}

static void respond(wharf_bytes body, wharf_bytes metadata, bool inherit, blob_t *blob) {
  kinode_process_standard_response_t response = {.inherit = inherit, .body = shown(body)};
  if (metadata.ptr) {
    response.metadata.is_some = true;
    response.metadata.val = text_of((const char *)metadata.ptr, metadata.len);
  }
  kinode_process_standard_send_response(&response, blob);
}

void wharf_respond(wharf_bytes body) { respond(body, (wharf_bytes){NULL, 0}, false, NULL); }

void wharf_respond_with(wharf_bytes body, wharf_bytes metadata, bool echo_blob) {
  respond(body, metadata, echo_blob, NULL);
}

void wharf_fail(const char *why) {
  char metadata[512];
  snprintf(metadata, sizeof metadata, "{\"error\":\"%.400s\"}", why);
  respond(wharf_text(""), wharf_text(metadata), false, NULL);
}

bool wharf_ask(const char *process, wharf_bytes body, uint64_t seconds, wharf_message *answer) {
  address_t target;
  if (!read_process(process, &target)) return false;
  kinode_process_standard_request_t request = {.expects_response = {true, seconds}, .body = shown(body)};
  kinode_process_standard_tuple2_address_message_t came = {0};
  kinode_process_standard_send_error_t error = {0};
  // What was handed out before may be part of the question, so it is freed afterwards.
  bool answered = kinode_process_standard_send_and_await_response(&target, &request, NULL, &came, &error);
  forget();
  if (answered) {
    received = came;
    show(answer, &received.f0, &received.f1);
  } else {
    unanswered = error;
    show_failure(answer, &unanswered);
  }
  return answered;
}

// ---- state ----

bool wharf_get_state(wharf_bytes *state) {
  FORGET(saved, process_v1_list_u8_free);
  if (!kinode_process_standard_get_state(&saved)) {
    // As for a blob.
    memset(&saved, 0, sizeof saved);
    return false;
  }
  *state = (wharf_bytes){saved.ptr, saved.len};
  return true;
}

void wharf_set_state(wharf_bytes state) {
  process_v1_list_u8_t bytes = shown(state);
  kinode_process_standard_set_state(&bytes);
}

// ---- the web ----

static const char HTTP_SERVER[] = "http-server:distro:sys";

bool wharf_bind(const char *path, wharf_access access) {
  char action[512];
  wharf_message answer;
  snprintf(action, sizeof action, "{\"Bind\":{\"path\":\"%.400s\",\"authenticated\":%s,\"local_only\":%s,\"cache\":false}}",
           path, access == WHARF_LOGGED_IN ? "true" : "false", access == WHARF_THIS_MACHINE ? "true" : "false");
  return wharf_ask(HTTP_SERVER, wharf_text(action), 10, &answer) && wharf_is(answer.body, "{\"Ok\":null}");
}

// The end of the JSON text that begins behind a quote.
static const uint8_t *end_of_text(const uint8_t *at, const uint8_t *end) {
  while (at < end && *at != '"') at += *at == '\\' ? 2 : 1;
  return at;
}

// The text of a field of {"Http":{…}}, as it is written: not of something deeper, and not of a text that looks like one.
static bool field_of(wharf_bytes json, const char *name, char *to, size_t size) {
  const uint8_t *at = json.ptr, *end = json.ptr + json.len;
  bool found = false;
  for (int depth = 0; at < end; at++) {
    if (*at == '{' || *at == '[') depth++;
    if (*at == '}' || *at == ']') depth--;
    if (*at != '"') continue;
    const uint8_t *start = at + 1;
    at = end_of_text(start, end);
    if (at >= end) return false;
    size_t len = (size_t)(at - start);
    if (found) {
      len = len < size ? len : size - 1;
      memcpy(to, start, len);
      to[len] = 0;
      return true;
    }
    // A name is followed by a colon, and its text by nothing before it.
    found = depth == 2 && at + 2 < end && at[1] == ':' && at[2] == '"' && wharf_is((wharf_bytes){start, len}, name);
  }
  return false;
}

bool wharf_http_read(const wharf_message *message, wharf_http *http) {
  static const char BEGIN[] = "{\"Http\":{";
  char bound[512], *below;
  if (message->kind != WHARF_REQUEST || !wharf_is_from(message, HTTP_SERVER)) return false;
  if (message->body.len < sizeof BEGIN || memcmp(message->body.ptr, BEGIN, sizeof BEGIN - 1) != 0) return false;
  if (!field_of(message->body, "method", http->method, sizeof http->method)) return false;
  if (!field_of(message->body, "bound_path", bound, sizeof bound)) return false;
  // "/process:package:publisher/rest": an id has no slash.
  below = bound[0] == '/' ? strchr(bound + 1, '/') : NULL;
  snprintf(http->path, sizeof http->path, "%s", below ? below : "/");
  return true;
}

void wharf_http_reply(int status, const char *mime, const char *headers, wharf_bytes body) {
  char head[2048];
  int len = snprintf(head, sizeof head, "{\"status\":%d,\"headers\":{\"Content-Type\":\"%s\"%s%s}}", status, mime,
                     *headers ? "," : "", headers);
  if (len < 0 || (size_t)len >= sizeof head) {
    wharf_print("the headers of an answer are too long");
    return;
  }
  blob_t blob = {.bytes = shown(body)};
  respond(wharf_text(head), (wharf_bytes){NULL, 0}, false, &blob);
}

// ---- the component's export ----

void exports_process_v1_init(process_v1_string_t *our) {
  char text[512];
  snprintf(text, sizeof text, "%.*s", PART(*our));
  process_v1_string_free(our);
  wharf_init(text);
}
