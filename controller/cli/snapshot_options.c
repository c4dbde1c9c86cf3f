/* The command line of `gostat snapshot`. */
#include "cli/snapshot.h"

#include <strings.h>

const enum gs_profile_kind gs_snapshot_order[GS_SNAPSHOT_KINDS] = {GS_PROFILE_GOROUTINE, GS_PROFILE_HEAP,
                                                                   GS_PROFILE_LEAK, GS_PROFILE_CPU, GS_PROFILE_TRACE};

static int take_profiles(gs_snapshot_options *o, const char *value, gs_error *err)
{
    o->kinds = 0;
    for (const char *p = value, *end; *p; p = *end ? end + 1 : end) {
        size_t n = strcspn(p, ","), k = 0;
        end = p + n;
        while (k < GS_SNAPSHOT_KINDS && (strlen(gs_profile_kind_name(gs_snapshot_order[k])) != n ||
                                         strncasecmp(p, gs_profile_kind_name(gs_snapshot_order[k]), n) != 0))
            k++;
        if (k == GS_SNAPSHOT_KINDS)
            return gs_error_set(
                err, GS_TERMINAL,
                "--profiles \"%.40s\": want some of Goroutine, GoroutineLeak, Heap, CPU, Trace with ',' "
                "between",
                value);
        o->kinds |= 1u << gs_snapshot_order[k];
    }
    return o->kinds ? 0 : gs_error_set(err, GS_TERMINAL, "--profiles: its value is empty");
}

static int take(void *own, const char *name, const char *value, gs_error *err)
{
    gs_snapshot_options *o = own;
    uint64_t n;
    bool number = gs_str_u64(gs_str_of(value), &n);
    if (!value[0])
        return gs_error_set(err, GS_TERMINAL, "--%s: its value is empty", name);
    if (gs_streq(name, "profiles"))
        return take_profiles(o, value, err);
    if (gs_streq(name, "seconds") && (!number || n < 1 || n > 600))
        return gs_error_set(err, GS_TERMINAL, "--seconds \"%.40s\": want a number, 1 to 600", value);
    if (gs_streq(name, "port") && number && (n < 1 || n > 65535))
        return gs_error_set(err, GS_TERMINAL, "--port \"%.40s\": want 1 to 65535, or the name of a container port",
                            value);
    if (gs_streq(name, "path") && value[0] != '/')
        return gs_error_set(err, GS_TERMINAL, "--path \"%.40s\": want a path such as /debug/pprof", value);
    if (gs_streq(name, "seconds"))
        o->seconds = (int)n;
    else if (gs_streq(name, "dir"))
        o->dir = value;
    else if (gs_streq(name, "path"))
        o->path = value;
    else if (number)
        o->port.number = (int)n;
    else if (!gs_str_copy(o->port.name, sizeof o->port.name, gs_str_of(value)))
        return gs_error_set(err, GS_TERMINAL, "--port \"%.40s\": a port's name has at most 15 characters", value);
    return 0;
}

static const gs_flag flags[] = {
    {"profiles", 0, "LIST",
     "of Goroutine, GoroutineLeak, Heap, CPU, Trace, with ',' between; left out: those of the\n"
     "policy, else Goroutine,GoroutineLeak"},
    {"seconds", 0, "N", "that CPU and Trace run, 1 to 600; left out: 30 and 5"},
    {"dir", 'd', "DIR", "where the files go, made where it is missing; left out: evidence"},
    {"port", 0, "PORT", "number or name; left out: as the policy that selects the pod says"},
    {"path", 0, "PATH", "left out: as the policy says, else /debug/pprof"},
    {0},
};

const gs_subcommand GS_SNAPSHOT = {
    .name = "snapshot",
    .arguments = "POD",
    .min_args = 1,
    .max_args = 1,
    .about =
        "Takes profiles of one pod now, through the API server's pod proxy and with your own rights: get pods/proxy. They\n"
        "become files, as those of gostat watch --evidence: DIR/NAMESPACE/WORKLOAD/snapshot/TIME-POD-KIND, with a .json\n"
        "beside each that says what it is, and its SHA-256. What the goroutine profile shows is told as gostat analyze\n"
        "tells it; pprof and go tool trace read the files. GoroutineLeak runs a garbage collection in the pod, CPU and\n"
        "Trace cost it some percent while they run.\n",
    .flags = flags,
    .common = GS_COMMON_CLUSTER | GS_COMMON_OUTPUT,
    .examples = "snapshot payments-6c7d9dc87b-kxqh2 -n shop\n"
                "snapshot payments-6c7d9dc87b-kxqh2 --profiles Heap,CPU --seconds 10 --port 6060\n",
    .exit_ok = "stored, all that the pod offers",
    .exit_fault = "no such pod; a profile could not be had or stored; the API server cannot be reached",
    .take = take,
};
