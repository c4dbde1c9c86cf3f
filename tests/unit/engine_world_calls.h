/* Between engine_world_ports.c and engine_world_scale.c: the questions that wait for their answers. */
#ifndef ENGINE_WORLD_CALLS_H
#define ENGINE_WORLD_CALLS_H

#include "engine_world.h"

enum call_kind { CALL_SAMPLE, CALL_PROFILE, CALL_PUT, CALL_TAKE, CALL_FACTS, CALL_ADVANCE, CALL_UNDO, CALL_RECORD };

/* A question of the engine that is not answered yet. */
typedef struct world_call {
    struct world_call *next;
    enum call_kind kind;
    int64_t due;
    void *arg;
    void *pool;
    fake_pod *pod;
    bool total;
    gs_profile *profile; /* of the moment it was asked for */
    enum gs_profile_kind evidence;
    char name[GS_OBJECT_LEN]; /* of the pod that the evidence is of */
    fake_scale *scale;
    gs_heal_history *h;
    int64_t cooldown_s;
    bool wanted; /* the policy, as it was when asked, allows the action */
    gs_str raw;
    char first, last; /* of raw, as it was when asked */
    int64_t wall_ms;
    void (*on_sample)(void *, const gs_sample *, const gs_error *);
    void (*on_profile)(void *, gs_profile *, gs_buf *, const gs_error *);
    void (*on_put)(void *, const gs_evidence *, const gs_error *);
    void (*on_facts)(void *, const gs_workload_facts *, const gs_error *);
    void (*on_act)(void *, const gs_act_result *);
} world_call;

void world_ask(world *w, world_call call, int64_t takes_ms); /* 0: answered within the call; NEVER */

/* engine_world_scale.c */
void world_actuator(world *w);
void world_answer_act(world *w, const world_call *c);

#endif
