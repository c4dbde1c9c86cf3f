#include "cli/show.h"

#include "core/heal.h"

#include <stdarg.h>
#include <stdio.h>

const char *gs_grade_words(enum gs_grade g)
{
    static const char *const words[] = {
        [GS_GRADE_NONE] = "not graded yet",
        [GS_GRADE_SUSPECTED] = "numbers say so, no stacks yet; it may be load",
        [GS_GRADE_PROBABLE] = "numbers and stacks agree",
        [GS_GRADE_PROVEN] = "the Go runtime itself says that these goroutines can never go on, and they grow",
    };
    return words[g];
}

const char *gs_boundary_words(enum gs_boundary b)
{
    switch (b) {
    case GS_BOUNDARY_REFERENCE:
        return "nothing ends them: no context, no Stop, no closed channel";
    case GS_BOUNDARY_COMMUNICATION:
        return "the other side of a channel does not come";
    case GS_BOUNDARY_TIMEOUT:
        return "a wait for a peer, a process or a timer has no time limit";
    case GS_BOUNDARY_LOCK:
        return "a lock, semaphore or WaitGroup is not given back";
    case GS_BOUNDARY_NONE:
        break;
    }
    return "";
}

/* ---- what to do ---- */

static void step(gs_shown *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void step(gs_shown *s, const char *fmt, ...)
{
    va_list args;
    if (s->n_steps == GS_SHOW_STEPS)
        return;
    va_start(args, fmt);
    (void)vsnprintf(s->steps[s->n_steps++], sizeof s->steps[0], fmt, args);
    va_end(args);
}

static void step_in_code(gs_shown *s, const gs_pattern *p)
{
    const char *at = p->n_key_frames ? p->key_frames[0] : p->leaf ? p->leaf : "";
    switch (p->boundary) {
    case GS_BOUNDARY_REFERENCE:
        step(s, "In the code: let what starts these goroutines also end them (context, Stop, close): %.300s", at);
        break;
    case GS_BOUNDARY_COMMUNICATION:
        step(
            s,
            "In the code: find who should be on the other side of this channel, and the path on which it returns early; "
            "select on the request's context beside it: %.300s",
            at);
        break;
    case GS_BOUNDARY_TIMEOUT:
        step(s, "In the code: give this wait a deadline: %.300s", at);
        break;
    case GS_BOUNDARY_LOCK:
        step(s,
             "In the code: find the path that returns without giving back what is waited for here (defer it): %.300s",
             at);
        break;
    case GS_BOUNDARY_NONE:
        if (at[0])
            step(s, "In the code: see why goroutines stay here: %.300s", at);
        break;
    }
}

static void step_evidence(gs_shown *s)
{
    const gs_incident *i = s->l->i;
    const gs_condition *stored = NULL;
    for (size_t k = 0; k < GS_LEN(i->conditions); k++)
        if (gs_streq(i->conditions[k].type, "EvidenceStored"))
            stored = &i->conditions[k];
    if (i->n_evidence)
        step(s, "Evidence: fetch and open a profile as said under EVIDENCE; %s diff OLDER NEWER compares two",
             gs_program_name());
    else if (s->policy && !s->policy->has_s3)
        step(s, "Evidence: none is kept; policy %.100s has no spec.snapshot.s3", i->policy_name);
    else if (stored && stored->message[0])
        step(s, "Evidence: none is stored: %.320s", stored->message);
}

static void step_healing(gs_shown *s)
{
    const gs_incident *i = s->l->i;
    const gs_action *last = i->n_actions ? &i->actions[i->n_actions - 1] : NULL;
    if (!s->policy)
        step(s, "Healing: %.400s", s->policy_missing);
    else if (s->policy->mode == GS_MODE_OBSERVE)
        step(s, "Healing: policy %.100s only observes; spec.mode: DryRun plans actions, Enforce does them",
             i->policy_name);
    else if (last && last->outcome == GS_OUTCOME_PENDING)
        step(s, "Healing: %s is under way; wait for its outcome before you change the scale by hand",
             gs_action_name(last->type));
    else
        step(s, "Healing: %s explain %.100s -n %.63s tells what comes next, and what stands in its way",
             gs_program_name(), i->policy_name, i->workload.ns);
}

void gs_show_steps(gs_shown *s)
{
    const gs_incident *i = s->l->i;
    if (!s->l->has_status) {
        step(s, "It was just made; ask again in a few seconds");
        return;
    }
    if (i->resolved)
        step(s, "No pod shows it any more. Until the code is changed it may come back");
    if (i->n_patterns)
        step_in_code(s, &i->patterns[0]);
    step_evidence(s);
    if (!i->resolved)
        step_healing(s);
    if (i->type == GS_INCIDENT_LEAK && i->grade == GS_GRADE_SUSPECTED && !i->resolved)
        step(s,
             "It is only suspected: it gets Probable or resolves by itself; nothing is urgent while SEVERITY is Low");
}
