/* status.patterns of an incident. */
#include "base/mem.h"
#include "codec/incident_internal.h"

static const char *state_name(int i)
{
    return gs_state_name((enum gs_state)i);
}

static const char *boundary_name(int i)
{
    return gs_boundary_name((enum gs_boundary)i);
}

/* ---- texts ---- */

#define TEXT_LEN (2 * GS_MAX_NAME + 64)

static char *read_text(gs_json_cursor *c)
{
    char text[TEXT_LEN];
    return gs_json_read_string_cut(c, text, sizeof text) ? gs_strdup(text) : NULL;
}

/* In place of an earlier one, should a key come twice. */
static void replace(char **at, char *text)
{
    if (!text)
        return;
    free(*at);
    *at = text;
}

static void read_frames(gs_json_cursor *c, gs_pattern *p)
{
    if (!gs_incident_enter(c, false))
        return;
    while (gs_json_next_element(c)) {
        char *frame = p->n_key_frames < GS_MAX_KEY_FRAMES ? read_text(c) : NULL;
        if (frame)
            p->key_frames[p->n_key_frames++] = frame;
    }
}

/* ---- labels ---- */

/* Labels of one pattern until the whole of it is read; all in one arena. */
typedef struct label_reader {
    gs_arena arena;
    gs_label_set first; /* "labels": all there is in objects that 0.1 wrote */
    gs_label_set sets[GS_LABEL_SETS];
    size_t n;
} label_reader;

/* Where the key belongs in a sorted list. */
static size_t label_place(const gs_label *v, size_t n, const char *key)
{
    size_t at = 0;
    while (at < n && strcmp(v[at].key, key) < 0)
        at++;
    return at;
}

static void read_labels(gs_json_cursor *c, gs_arena *arena, gs_label_set *set)
{
    gs_str key;
    set->n = 0;
    if (!gs_incident_enter(c, true))
        return;
    gs_label *v = gs_arena_alloc(arena, GS_MAX_LABELS * sizeof *v);
    set->v = v;
    while (gs_json_next_key(c, &key)) {
        char name[1024], value[TEXT_LEN];
        if (!gs_json_unescape(key, name, sizeof name))
            continue;
        size_t at = label_place(v, set->n, name);
        bool again = at < set->n && gs_streq(v[at].key, name); /* the last one counts */
        if (!again && set->n == GS_MAX_LABELS)
            continue;
        if (!gs_json_read_string_cut(c, value, sizeof value))
            return;
        if (!again) {
            memmove(v + at + 1, v + at, (set->n++ - at) * sizeof *v);
            v[at].key = gs_arena_str(arena, gs_str_of(name));
        }
        v[at].value = gs_arena_str(arena, gs_str_of(value));
    }
}

static void read_label_sets(gs_json_cursor *c, label_reader *r)
{
    gs_str key;
    r->n = 0;
    if (!gs_incident_enter(c, false))
        return;
    while (gs_json_next_element(c)) {
        if (r->n == GS_LABEL_SETS || !gs_json_enter_object(c))
            continue;
        gs_label_set *set = &r->sets[r->n++];
        *set = (gs_label_set){0};
        while (gs_json_next_key(c, &key)) {
            if (gs_json_key_is(key, "count"))
                set->count = gs_incident_read_count(c);
            else if (gs_json_key_is(key, "labels"))
                read_labels(c, &r->arena, set);
        }
    }
}

/* ---- patterns ---- */

/* Copies it. false: the key is of something else. */
static bool read_text_field(gs_json_cursor *c, gs_str key, gs_pattern *p)
{
    char **at = gs_json_key_is(key, "leafFunction")    ? &p->leaf
                : gs_json_key_is(key, "entryFunction") ? &p->entry
                : gs_json_key_is(key, "createdBy")     ? &p->created_by
                                                       : NULL;
    if (at)
        replace(at, read_text(c));
    return at != NULL;
}

static void read_pattern(gs_json_cursor *c, gs_pattern *p, label_reader *r)
{
    gs_str key;
    if (!gs_json_enter_object(c))
        return;
    while (gs_json_next_key(c, &key)) {
        if (read_text_field(c, key, p))
            continue;
        if (gs_json_key_is(key, "id"))
            (void)gs_json_read_string(c, p->id, sizeof p->id);
        else if (gs_json_key_is(key, "count"))
            p->count = gs_incident_read_count(c);
        else if (gs_json_key_is(key, "state"))
            p->state = (enum gs_state)gs_incident_read_word(c, state_name, GS_STATE_COUNT_, GS_STATE_RUNNING);
        else if (gs_json_key_is(key, "boundary"))
            p->boundary =
                (enum gs_boundary)gs_incident_read_word(c, boundary_name, GS_BOUNDARY_LOCK + 1, GS_BOUNDARY_NONE);
        else if (gs_json_key_is(key, "score"))
            p->score = gs_incident_read_score(c);
        else if (gs_json_key_is(key, "keyFrames"))
            read_frames(c, p);
        else if (gs_json_key_is(key, "labels"))
            read_labels(c, &r->arena, &r->first);
        else if (gs_json_key_is(key, "labelSets"))
            read_label_sets(c, r);
    }
}

static void give_text(char **at)
{
    if (!*at)
        *at = gs_strdup("");
}

void gs_incident_read_patterns(gs_json_cursor *c, gs_incident *i)
{
    if (!gs_incident_enter(c, false))
        return;
    while (gs_json_next_element(c)) {
        if (i->n_patterns == GS_MAX_INCIDENT_PATTERNS)
            continue;
        gs_pattern *p = &i->patterns[i->n_patterns++];
        label_reader r = {0};
        read_pattern(c, p, &r);
        if (r.n)
            gs_pattern_set_labels(p, r.sets, r.n);
        else
            gs_pattern_set_labels(p, &r.first, r.first.n > 0);
        gs_arena_done(&r.arena);
        give_text(&p->leaf);
        give_text(&p->entry);
        give_text(&p->created_by);
    }
}
