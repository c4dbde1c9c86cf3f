#include "edge/s3_internal.h"

static const gs_s3_code codes[] = {
    {"AccessDenied", GS_REFUSED,
     "the keys need s3:PutObject, GetObject, DeleteObject and AbortMultipartUpload on the prefix, and s3:ListBucket and "
     "ListBucketMultipartUploads on the bucket"},
    {"AccountProblem", GS_REFUSED, ""},
    {"AllAccessDisabled", GS_REFUSED, ""},
    {"AuthorizationHeaderMalformed", GS_REFUSED, "is s3.region the bucket's?"},
    {"AuthorizationQueryParametersError", GS_REFUSED, ""},
    {"BadDigest", GS_TERMINAL, "the body arrived changed"},
    {"BucketRegionError", GS_REFUSED, "is s3.region the bucket's?"},
    {"EntityTooLarge", GS_TERMINAL, ""},
    {"EntityTooSmall", GS_TERMINAL, ""},
    {"ExpiredToken", GS_REFUSED, "sessionToken is no longer valid"},
    {"IllegalLocationConstraintException", GS_REFUSED, "is s3.region the bucket's?"},
    {"IncompleteBody", GS_TRANSIENT, ""},
    {"InternalError", GS_TRANSIENT, ""},
    {"InvalidAccessKeyId", GS_REFUSED, "the store does not know accessKeyId"},
    {"InvalidArgument", GS_TERMINAL, ""},
    {"InvalidBucketName", GS_TERMINAL, ""},
    {"InvalidDigest", GS_TERMINAL, ""},
    {"InvalidPart", GS_TRANSIENT, "the store lost a part"},
    {"InvalidPartOrder", GS_TERMINAL, ""},
    {"InvalidRequest", GS_TERMINAL, ""},
    {"InvalidSecurity", GS_REFUSED, ""},
    {"InvalidToken", GS_REFUSED, "is sessionToken the one of accessKeyId?"},
    {"InvalidURI", GS_TERMINAL, ""},
    {"KMS.DisabledException", GS_REFUSED, "the key of s3.kmsKeyId is disabled"},
    {"KMS.NotFoundException", GS_REFUSED, "is there the key of s3.kmsKeyId?"},
    {"KeyTooLongError", GS_TERMINAL, ""},
    {"MethodNotAllowed", GS_TERMINAL, "is s3.endpoint an S3 server?"},
    {"MissingContentLength", GS_TERMINAL, ""},
    {"NoSuchBucket", GS_NOT_FOUND, ""},
    {"NoSuchKey", GS_TRANSIENT, ""},
    {"NoSuchUpload", GS_TRANSIENT, "the store forgot an upload under way"},
    {"NotImplemented", GS_TERMINAL, ""},
    {"NotSignedUp", GS_REFUSED, ""},
    {"OperationAborted", GS_TRANSIENT, ""},
    {"PermanentRedirect", GS_REFUSED, "the bucket lives at another endpoint, and redirects are not followed"},
    {"PreconditionFailed", GS_CONFLICT, ""},
    {"QuotaExceeded", GS_REFUSED, ""},
    {"RequestTimeTooSkewed", GS_REFUSED, "the clocks here and at the store differ"},
    {"RequestTimeout", GS_TRANSIENT, ""},
    {"ServiceUnavailable", GS_TRANSIENT, ""},
    {"SignatureDoesNotMatch", GS_REFUSED, "is secretAccessKey the one of accessKeyId, and s3.region the bucket's?"},
    {"SlowDown", GS_TRANSIENT, ""},
    {"TemporaryRedirect", GS_TRANSIENT, "the bucket was just made elsewhere, and redirects are not followed"},
    {"TokenRefreshRequired", GS_REFUSED, "sessionToken is no longer valid"},
    {"TooManyRequests", GS_TRANSIENT, ""},
    {"Throttling", GS_TRANSIENT, ""},
    {"ThrottlingException", GS_TRANSIENT, ""},
    {"XAdminUserNotFound", GS_REFUSED, "the store does not know accessKeyId"}, /* versitygw's InvalidAccessKeyId */
    {"XAmzContentChecksumMismatch", GS_TERMINAL, "the body arrived changed"},
    {"XAmzContentSHA256Mismatch", GS_TERMINAL, "the body arrived changed"},
    {"XMinioStorageFull", GS_TRANSIENT, ""},
};

const gs_s3_code *gs_s3_error_code(gs_str xml)
{
    static const char open[] = "<Code>", close[] = "</Code>";
    const char *at = memmem(xml.p, xml.n, open, sizeof open - 1);
    if (!at)
        return NULL;
    at += sizeof open - 1;
    size_t left = xml.n - (size_t)(at - xml.p);
    const char *end = memmem(at, left, close, sizeof close - 1);
    if (!end)
        return NULL;
    gs_str name = {at, (size_t)(end - at)};
    for (size_t i = 0; i < GS_LEN(codes); i++)
        if (gs_str_is(name, codes[i].name))
            return &codes[i];
    return NULL;
}

bool gs_s3_said(const gs_http_reply *reply, const char *code)
{
    const gs_s3_code *said = reply ? gs_s3_error_code(gs_buf_str(reply->body)) : NULL;
    return said && gs_streq(said->name, code);
}

int gs_s3_refused(const gs_s3_spec *where, const char *method, const gs_http_reply *reply, gs_error *err)
{
    const gs_s3_code *code = gs_s3_error_code(gs_buf_str(reply->body));
    enum gs_kind kind = gs_kind_of_status(reply->status);
    const char *hint = code ? code->hint : "";
    /* The status is the judge, and a code only where the status says no more than "no". */
    if (kind == GS_TERMINAL || kind == GS_NOT_FOUND)
        kind = code ? code->kind : GS_TERMINAL;
    if (!code && reply->status >= 300 && reply->status < 400)
        hint = "redirects are not followed: is s3.endpoint the store itself?";
    else if (!code && reply->status == 404)
        hint = "is s3.endpoint an S3 server?";
    else if (!code && reply->status == 403 && gs_streq(method, "HEAD")) /* its replies have no body, so no code */
        hint = "to confirm an object, the keys need s3:GetObject";
    if (kind == GS_NOT_FOUND)
        (void)gs_error_set(err, kind, "bucket %s does not exist at %s", where->bucket, where->endpoint);
    else
        (void)gs_error_set(err, kind, "%s of bucket %s at %s: %d %s%s%s", method, where->bucket, where->endpoint,
                           reply->status, code ? code->name : "without a known S3 error code", *hint ? ": " : "", hint);
    if (err)
        err->status = reply->status;
    return -(int)kind;
}
