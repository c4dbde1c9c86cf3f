/* The rules of the CRD over several fields, as the controller knows them too. */
#include "codec/policy_json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define BASE "\"selector\":{\"matchLabels\":{\"app\":\"a\"}},\"endpoint\":{\"pprof\":{\"port\":6060}}"
#define STORE "\"endpoint\":\"https://s3\",\"bucket\":\"abc\",\"credentialsSecretRef\":{\"name\":\"s\"}"
#define S3(more) ",\"snapshot\":{\"s3\":{" STORE more "}}"
#define ENFORCE(more) ",\"mode\":\"Enforce\",\"snapshot\":{\"s3\":{" STORE "}" more "}"
#define SNAPSHOT(more) ",\"snapshot\":{" more "}"
#define RESOURCES(more) ",\"detection\":{\"resources\":{" more "}}"
#define RETENTION(more) SNAPSHOT("\"retention\":{" more "}")
#define ACTIONS(list) ",\"healing\":{\"actions\":[" list "]}"
#define SCALE(more) ACTIONS("{\"type\":\"ScaleOut\",\"scaleOut\":{\"maxReplicas\":10" more "}}")
#define LIMITS(more) ",\"healing\":{\"limits\":{" more "}}"
#define WINDOWS(list) ",\"healing\":{\"windows\":[" list "]}"
#define WINDOW(name, effect, schedule, more)                                                                           \
    "{\"name\":\"" name "\",\"effect\":\"" effect "\",\"schedule\":\"" schedule "\",\"durationMinutes\":60" more "}"
#define SCHEDULE(text) WINDOWS(WINDOW("w", "Allow", text, ""))
#define ZONE(text) WINDOWS(WINDOW("w", "Deny", "0 0 * * *", ",\"timeZone\":\"" text "\""))
#define NOTIFY(list) ",\"notify\":[" list "]"
#define NOTICE(name, type, more)                                                                                       \
    "{\"name\":\"" name "\",\"type\":\"" type "\",\"urlSecretRef\":{\"name\":\"s\",\"key\":\"k\"}" more "}"
#define HMAC(name, key) ",\"hmacSecretRef\":{\"name\":\"" name "\",\"key\":\"" key "\"}"
#define SECRET(name, key)                                                                                              \
    NOTIFY("{\"name\":\"n\",\"type\":\"Slack\",\"urlSecretRef\":{\"name\":\"" name "\",\"key\":\"" key "\"}}")

static const struct {
    const char *name, *more;
    const char *error; /* NULL: accepted */
} cases[] = {
    {"resources off", RESOURCES("\"enabled\":false,\"cpuPercent\":0,\"goroutines\":0,\"heapInuseBytes\":0"), NULL},
    {"cpuPercent", RESOURCES("\"cpuPercent\":1001"), "spec.detection.resources.cpuPercent: must be 0..1000, got 1001"},
    {"cpuForSeconds", RESOURCES("\"cpuForSeconds\":9"), "resources.cpuForSeconds: must be 10..3600, got 9"},
    {"goroutines", RESOURCES("\"goroutines\":-1"), "resources.goroutines: must be 0..10000000, got -1"},
    {"heap", RESOURCES("\"heapInuseBytes\":-1"), "resources.heapInuseBytes: must be 0.."},

    {"all profiles",
     SNAPSHOT("\"profiles\":[\"Trace\",\"CPU\",\"Heap\",\"GoroutineLeak\",\"Goroutine\"],\"cpuSeconds\":600"), NULL},
    {"a profile that is no choice", SNAPSHOT("\"profiles\":[\"FullDump\"]"),
     "spec.snapshot.profiles[0]: must be one of Goroutine, GoroutineLeak, Heap, CPU, Trace; got \"FullDump\""},
    {"a profile twice", SNAPSHOT("\"profiles\":[\"Heap\",\"CPU\",\"Heap\"]"),
     "spec.snapshot.profiles[2]: is given twice"},
    {"only traces", SNAPSHOT("\"profiles\":[\"Trace\"]"), NULL},
    {"only traces, to act", ENFORCE(",\"profiles\":[\"Trace\"]"),
     "spec.snapshot.profiles: must name, in mode Enforce,"},
    {"heap, to act", ENFORCE(",\"profiles\":[\"Trace\",\"Heap\"]"), NULL},
    {"leak profiles, to act", ENFORCE(",\"profiles\":[\"GoroutineLeak\"]"), NULL},
    {"leak profiles never taken, to act",
     ENFORCE(",\"profiles\":[\"GoroutineLeak\"]") ",\"detection\":{\"leakProfile\":\"Never\"}",
     "or GoroutineLeak with detection.leakProfile Auto"},
    {"cpuSeconds", SNAPSHOT("\"cpuSeconds\":601"), "spec.snapshot.cpuSeconds: must be 1..600, got 601"},
    {"traceSeconds", SNAPSHOT("\"traceSeconds\":0"), "spec.snapshot.traceSeconds: must be 1..60, got 0"},

    {"AES256", S3(",\"serverSideEncryption\":\"AES256\""), NULL},
    {"encryption", S3(",\"serverSideEncryption\":\"none\""), "serverSideEncryption: must be one of AES256, aws:kms;"},
    {"key", S3(",\"serverSideEncryption\":\"aws:kms\",\"kmsKeyId\":\"arn:aws:kms:us-east-1:1:key/0f-0\""), NULL},
    {"key of nothing", S3(",\"kmsKeyId\":\"k\""), "spec.snapshot.s3.kmsKeyId: is for serverSideEncryption aws:kms"},
    {"key of AES256", S3(",\"serverSideEncryption\":\"AES256\",\"kmsKeyId\":\"k\""), "kmsKeyId: is for"},
    {"key with a line end", S3(",\"serverSideEncryption\":\"aws:kms\",\"kmsKeyId\":\"k\\n\""),
     "kmsKeyId: must be a key's id, alias or ARN"},
    {"presignSeconds", S3(",\"presignSeconds\":604801"), "presignSeconds: must be 60..604800, got 604801"},

    {"retention", RETENTION("\"highDays\":3,\"mediumDays\":3,\"lowDays\":3"), NULL},
    {"highDays below the default", RETENTION("\"highDays\":2"),
     "spec.snapshot.retention: highDays (7 if left out) must be at least mediumDays (3), and that at least lowDays (1): "
     "what is worse is not kept for less long; got 2, 3 and 1"},
    {"lowDays above", RETENTION("\"lowDays\":4"), "got 7, 3 and 4"},
    {"maxBytes", RETENTION("\"maxBytes\":1"), "retention.maxBytes: must be 1048576.."},

    {"the same action twice", ACTIONS("{\"type\":\"Restart\"},{\"type\":\"Evict\"},{\"type\":\"Restart\"}"),
     "spec.healing.actions[2].type: is given twice"},
    {"scaleOut elsewhere", ACTIONS("{\"type\":\"Evict\",\"scaleOut\":{\"maxReplicas\":3}}"),
     "spec.healing.actions[0].scaleOut: is required with type ScaleOut, and with no other type"},
    {"replace elsewhere", ACTIONS("{\"type\":\"Evict\",\"replace\":{}}"),
     "spec.healing.actions[0].replace: is for type Replace only"},
    {"evict elsewhere", ACTIONS("{\"type\":\"Restart\",\"evict\":{}}"),
     "spec.healing.actions[0].evict: is for type Evict only"},
    {"pods to evict", ACTIONS("{\"type\":\"Evict\",\"evict\":{\"maxPods\":9}}"), "evict.maxPods: must be 1..8, got 9"},
    {"pods to replace", ACTIONS("{\"type\":\"Replace\",\"replace\":{\"maxPods\":0}}"), "maxPods: must be 1..8, got 0"},
    {"readySeconds", ACTIONS("{\"type\":\"Replace\",\"replace\":{\"readySeconds\":3601}}"),
     "readySeconds: must be 0..3600, got 3601"},
    {"step as the maximum", SCALE(",\"step\":10"), NULL},
    {"step above the maximum", SCALE(",\"step\":11"),
     "spec.healing.actions[0].scaleOut.maxReplicas: must be at least step"},
    {"holds equal", SCALE(",\"holdSeconds\":60,\"maxHoldSeconds\":60"), NULL},
    {"longest hold below the default", SCALE(",\"maxHoldSeconds\":599"),
     "scaleOut.maxHoldSeconds: (7200 if left out) must be at least holdSeconds"},
    {"hold above the default", SCALE(",\"holdSeconds\":7201"), "lower holdSeconds; got 7200 and 7201"},
    {"hold", SCALE(",\"holdSeconds\":29"), "holdSeconds: must be 30..86400, got 29"},
    {"actions an hour", LIMITS("\"maxActionsPerHour\":61"), "limits.maxActionsPerHour: must be 1..60, got 61"},
    {"available", LIMITS("\"minAvailablePercent\":101"), "limits.minAvailablePercent: must be 0..100, got 101"},
    {"added", LIMITS("\"maxAddedReplicas\":0"), "limits.maxAddedReplicas: must be 1..1000, got 0"},

    {"only Deny", WINDOWS(WINDOW("a", "Deny", "0 0 * * *", "") "," WINDOW("b", "Deny", "0 1 * * *", "")), NULL},
    {"a window twice", WINDOWS(WINDOW("a", "Deny", "0 0 * * *", "") "," WINDOW("a", "Allow", "0 0 * * *", "")),
     "spec.healing.windows[1].name: is given twice: \"a\""},
    {"window's name", WINDOWS(WINDOW("A b", "Deny", "0 0 * * *", "")), "windows[0].name: must be lower-case letters"},
    {"effect", WINDOWS(WINDOW("a", "No", "0 0 * * *", "")), "windows[0].effect: must be one of Allow, Deny; got"},
    {"duration left out", WINDOWS("{\"name\":\"a\",\"effect\":\"Deny\",\"schedule\":\"0 0 * * *\"}"),
     "windows[0].durationMinutes: is required"},
    {"schedule of names", SCHEDULE("*/15 9-17/2 * jan-MAR MON"), NULL},
    {"schedule of four", SCHEDULE("0 0 * *"), "spec.healing.windows[0].schedule: must be five fields"},
    {"minute 60", SCHEDULE("60 0 * * *"), "spec.healing.windows[0].schedule: minute: must be"},
    {"never", SCHEDULE("0 0 30 2 *"), "spec.healing.windows[0].schedule: "},
    {"leap day", SCHEDULE("0 0 29 2 *"), NULL},
    {"zone", ZONE("America/Argentina/Buenos_Aires"), NULL},
    {"zone with a sign", ZONE("Etc/GMT+8"), NULL},
    {"zone above", ZONE("../UTC"), "windows[0].timeZone: must be a name of the IANA time zone database"},
    {"zone by path", ZONE("/UTC"), "windows[0].timeZone: must be"},
    {"zone cut", ZONE("Asia/"), "windows[0].timeZone: must be"},
    {"zone empty", ZONE(""), "windows[0].timeZone: must be"},
    {"zone of a number", ZONE("8"), "windows[0].timeZone: must be"},

    {"four destinations",
     NOTIFY(NOTICE("a", "WeCom", "") "," NOTICE("b", "Slack", ",\"minSeverity\":\"P0\"") "," NOTICE(
         "c", "Webhook", HMAC("s", "k")) "," NOTICE("d", "Alertmanager", "")),
     NULL},
    {"a destination twice", NOTIFY(NOTICE("a", "WeCom", "") "," NOTICE("a", "Slack", "")),
     "spec.notify[1].name: is given twice: \"a\""},
    {"destination's name", NOTIFY(NOTICE("", "WeCom", "")), "spec.notify[0].name: must be lower-case letters"},
    {"destination", NOTIFY(NOTICE("a", "Pager", "")),
     "spec.notify[0].type: must be one of WeCom, Slack, Webhook, Alertmanager; got \"Pager\""},
    {"severity", NOTIFY(NOTICE("a", "WeCom", ",\"minSeverity\":\"Bad\"")), "minSeverity: must be one of Low, Medium"},
    {"no URL", NOTIFY("{\"name\":\"a\",\"type\":\"Slack\"}"), "spec.notify[0].urlSecretRef: is required"},
    {"secret of the URL", SECRET("A", "k"), "spec.notify[0].urlSecretRef.name: must be a Secret's name"},
    {"key of the URL", SECRET("a", "a/b"), "spec.notify[0].urlSecretRef.key: must be a Secret's key"},
    {"signature to Slack", NOTIFY(NOTICE("a", "Slack", HMAC("s", "k"))),
     "spec.notify[0].hmacSecretRef: is for type Webhook only"},
    {"secret of the signature", NOTIFY(NOTICE("a", "Webhook", HMAC("-", "k"))), "hmacSecretRef.name: must be"},
    {"key of the signature", NOTIFY(NOTICE("a", "Webhook", HMAC("s", " "))), "hmacSecretRef.key: must be"},
};

static void test_rules(void **state)
{
    (void)state;
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        gs_cleanup(gs_policy_free) gs_policy *p = NULL;
        gs_error err = {0};
        char text[4096];
        (void)snprintf(text, sizeof text,
                       "{\"apiVersion\":\"gostat.dev/v1alpha1\",\"kind\":\"GostatPolicy\",\"spec\":{" BASE "%s}}",
                       cases[i].more);
        int r = gs_policy_from_json(gs_str_of(text), true, true, &p, &err);
        if (!cases[i].error && r < 0)
            fail_msg("%s: %s", cases[i].name, err.msg);
        if (cases[i].error && (r != -GS_TERMINAL || !strstr(err.msg, cases[i].error)))
            fail_msg("%s: %d \"%s\", expected \"%s\"", cases[i].name, r, err.msg, cases[i].error);
        assert_int_equal(p != NULL, r == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rules)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
