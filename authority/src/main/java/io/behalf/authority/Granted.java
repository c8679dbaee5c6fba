package io.behalf.authority;

import io.behalf.core.delegation.Binding;
import io.behalf.core.delegation.Delegation;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A token answer.
 *
 * @param renewal the renewal token, where there is one
 */
record Granted(Issuer.Issued issued, Optional<String> renewal) {
    static final String ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token";

    /** RFC 6749 §5.1, RFC 8693 §2.2.1, RFC 9396 §7. */
    Map<String, @Nullable Object> toJson(Instant now, boolean exchanged) {
        Delegation d = issued.delegation();
        Map<String, @Nullable Object> out = new LinkedHashMap<>();
        out.put("access_token", issued.token());
        if (exchanged) {
            out.put("issued_token_type", ACCESS_TOKEN);
        }
        out.put("token_type", d.binding() instanceof Binding.Key ? "DPoP" : "Bearer");
        out.put("expires_in", Math.max(1, Duration.between(now, d.expires()).toSeconds()));
        out.put("scope", d.scope().shadow());
        out.put("authorization_details", List.of(d.task().toJson()));
        out.put("task_id", d.taskId().value());
        out.put("task_exp", d.taskEnd().getEpochSecond());
        out.put("approval_id", d.approvalId());
        renewal.ifPresent(token -> out.put("refresh_token", token));
        return out;
    }
}
