/* What is known once of each function, and what it says about the stacks that it stands in. */
#include "base/mem.h"
#include "codec/sites_internal.h"

static gs_str cut(gs_str s, size_t max)
{
    return (gs_str){s.p, s.n < max ? s.n : max};
}

/* "_Payments_Charge_Handler" behind the package: what protoc-gen-go-grpc calls the function that decodes a request and
 * calls the service. Returns its length up to there; 0: it is none. */
static size_t grpc_handler(gs_str name)
{
    static const char suffix[] = "_Handler";
    const char *slash = name.n ? memrchr(name.p, '/', name.n) : NULL;
    size_t at = slash ? (size_t)(slash - name.p) : 0;
    const char *dot = name.n ? memchr(name.p + at, '.', name.n - at) : NULL;
    if (!dot || (size_t)(dot - name.p) + 1 >= name.n || dot[1] != '_')
        return 0;
    const char *h = memmem(dot, (size_t)(name.p + name.n - dot), suffix, sizeof suffix - 1);
    size_t end = h ? (size_t)(h - name.p) + sizeof suffix - 1 : 0;
    return h && (end == name.n || name.p[end] == '.') ? end : 0;
}

static bool consumes(gs_str name)
{
    static const char *const functions[] = {
        "net/http.(*persistConn).roundTrip",
        "net/http.(*bodyEOFSignal).Read",
        "net/http.(*http2ClientConn).roundTrip",
        "net/http.http2transportResponseBody.Read",
        "net/http/internal/http2.(*ClientConn).roundTrip",
        "net/http/internal/http2.transportResponseBody.Read",
        "golang.org/x/net/http2.(*ClientConn).roundTrip",
        "golang.org/x/net/http2.transportResponseBody.Read",
    };
    for (size_t i = 0; i < GS_LEN(functions); i++)
        if (gs_str_is(name, functions[i]))
            return true;
    return false;
}

static uint8_t roles_of(gs_str name, enum gs_code code)
{
    unsigned roles = 0;
    if (code == GS_CODE_RUNTIME && gs_str_starts(name, "runtime."))
        roles |= GS_ROLE_HIDDEN;
    if (code != GS_CODE_USER && consumes(name))
        roles |= GS_ROLE_CONSUMER;
    if (code != GS_CODE_USER && gs_str_ends(name, ".ServeHTTP"))
        roles |= GS_ROLE_SERVE_HTTP;
    if (grpc_handler(name))
        roles |= GS_ROLE_GRPC;
    return (uint8_t)roles;
}

uint32_t gs_sites_function(gs_sites *s, gs_str name, gs_str file)
{
    gs_key key = GS_KEY;
    gs_key_add(&key, name.p, name.n);
    gs_key_add(&key, file.p, file.n);
    uint32_t *at = gs_index_at(&s->function_index, gs_key_end(key));
    if (!at)
        return GS_SITES_NONE;
    if (*at)
        return *at - 1;
    s->functions = gs_grow(s->functions, &s->cap_functions, s->n_functions + 1, sizeof *s->functions);
    struct gs_function *f = &s->functions[s->n_functions];
    gs_arena *a = &s->profile->arena;
    char normal[GS_MAX_NAME + 1];
    gs_str n = {normal, gs_normalise(name, normal, sizeof normal)};
    gs_frame frame = {.function = name, .file = file};
    f->known = frame.known = gs_frame_learn(&frame);
    f->roles = roles_of(name, gs_frame_code(&frame));
    s->roles |= f->roles;
    f->name = (gs_str){gs_arena_str(a, cut(name, GS_MAX_NAME)), cut(name, GS_MAX_NAME).n};
    f->file = (gs_str){gs_arena_str(a, cut(file, GS_MAX_NAME)), cut(file, GS_MAX_NAME).n};
    f->normal = gs_str_eq(n, f->name) ? f->name : (gs_str){gs_arena_str(a, n), n.n};
    f->hash = gs_hash(n.p, n.n, 0);
    *at = (uint32_t)++s->n_functions;
    return *at - 1;
}

void gs_sites_frames(const gs_sites *s, const struct gs_stack_frame *frames, size_t n, gs_frame v[GS_MAX_FRAMES])
{
    for (size_t i = 0; i < n; i++) {
        const struct gs_function *f = &s->functions[frames[i].function];
        v[i] = (gs_frame){.function = f->name, .file = f->file, .line = frames[i].line, .known = f->known};
    }
}

const gs_minhash *gs_sites_signature(gs_sites *s, uint32_t function)
{
    struct gs_function *f = &s->functions[function];
    if (!f->signature) {
        gs_minhash *m = gs_arena_alloc(&s->scratch, sizeof *m);
        gs_minhash_of(f->hash, m);
        f->signature = m;
    }
    return f->signature;
}

bool gs_sites_has_role(const gs_sites *s, const struct gs_stack_frame *frames, size_t n, enum gs_role role)
{
    for (size_t i = 0; i < n && s->roles & role; i++)
        if (s->functions[frames[i].function].roles & role)
            return true;
    return false;
}

static bool is_user(const struct gs_function *f)
{
    gs_frame frame = {.known = f->known};
    return gs_frame_code(&frame) == GS_CODE_USER;
}

/* gRPC's own; else the innermost user function that a ServeHTTP called, since what stands around it is middleware; else
 * (routers that call through something else) the outermost user function within a ServeHTTP. */
uint32_t gs_sites_handler(const gs_sites *s, const struct gs_stack_frame *frames, size_t n)
{
    uint32_t found = GS_SITES_NONE, user = GS_SITES_NONE;
    bool called = false, any = s->roles & (GS_ROLE_GRPC | GS_ROLE_SERVE_HTTP);
    for (size_t i = 0; i < n && any; i++) {
        const struct gs_function *f = &s->functions[frames[i].function];
        if (f->roles & GS_ROLE_GRPC)
            return frames[i].function;
        if (f->roles & GS_ROLE_SERVE_HTTP && user != GS_SITES_NONE && !called) {
            called = user == frames[i - 1].function;
            found = user;
        }
        if (is_user(f))
            user = frames[i].function;
    }
    return found;
}

gs_str gs_sites_handler_name(const gs_sites *s, uint32_t handler)
{
    gs_str name = handler == GS_SITES_NONE ? GS_STR("") : s->functions[handler].name;
    size_t grpc = grpc_handler(name);
    return grpc ? cut(name, grpc) : name;
}
