/* trivet from C and from anything that can call C.
 *
 * Handles are opaque. Every function may be called from any thread unless it says otherwise.
 * Strings are UTF-8; those passed in are copied. What is returned as `char*` or as a handle belongs
 * to the caller and goes back to the matching _free function. A failure is NULL (or a negative int)
 * and, where there is an `error` parameter, a JSON object
 * {"code","message","hint",...} in *error, to be freed with trivet_string_free; pass NULL when you
 * do not want it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct trivet_host trivet_host;
typedef struct trivet_reply trivet_reply;

/* "0.1.0"; static, not to be freed. */
const char* trivet_version(void);
/* 1 while this header's functions keep their meaning. */
int trivet_abi_version(void);

/* config_json:
 * {"root","runtime_dirs":[],"data_dir","listen":[],"access_token","sandbox","watch","drain_timeout_ms"};
 * all optional. */
trivet_host* trivet_host_open(const char* config_json, char** error);
/* Listens and watches as configured. 0, or -1. */
int trivet_host_start(trivet_host* host, char** error);
/* Drains and ends every worker. 0, or -1. The handle stays valid until trivet_host_free. */
int trivet_host_close(trivet_host* host, char** error);
void trivet_host_free(trivet_host* host);

/* One call; waits for the reply. input may be NULL when input_size is 0. */
trivet_reply* trivet_invoke(trivet_host* host, const char* function, const void* input,
                            size_t input_size, char** error);
/* The same without waiting. Exactly one of reply and error is not NULL in the callback; both belong
 * to it and are to be freed. It runs on the host's loop thread and must not block. */
typedef void (*trivet_done)(void* context, trivet_reply* reply, char* error);
void trivet_invoke_async(trivet_host* host, const char* function, const void* input,
                         size_t input_size, trivet_done done, void* context);

int trivet_reply_status(const trivet_reply* reply);
/* Valid until trivet_reply_free. */
const void* trivet_reply_body(const trivet_reply* reply, size_t* size);
const char* trivet_reply_call_id(const trivet_reply* reply);
/* NULL when there is none. Lower-case name. */
const char* trivet_reply_header(const trivet_reply* reply, const char* name);
void trivet_reply_free(trivet_reply* reply);

/* JSON text, as the administration API gives it. */
char* trivet_get_function(trivet_host* host, const char* name, char** error);
char* trivet_list_functions(trivet_host* host, char** error);
char* trivet_reload_functions(trivet_host* host, char** error);
char* trivet_stats(trivet_host* host, char** error);
/* token_store: a 64-digit token for that function; the function a token belongs to, NULL when it is
 * not valid. */
char* trivet_token_issue(trivet_host* host, const char* function);
char* trivet_token_verify(trivet_host* host, const char* token);

void trivet_string_free(char* string);

#ifdef __cplusplus
}
#endif
