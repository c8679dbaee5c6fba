package io.behalf.core.delegation;

import io.behalf.core.json.Json;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Instant;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What was approved, exactly: the pre-image of the token's {@code task_s256}. The salt keeps guessable texts from being
 * confirmed by their hash.
 *
 * @param agent id of the agent approved
 * @param text the task as the person read it, in {@code locale} (BCP 47)
 * @param salt 32 random bytes, base64url
 */
public record ApprovedTask(
        String approvalId,
        String agent,
        Scope scope,
        Limits limits,
        Instant end,
        String text,
        String locale,
        String salt) {
    public ApprovedTask {
        Ids.require("apr", approvalId);
        if (!salt.matches("[A-Za-z0-9_-]{43}")) {
            throw new IllegalArgumentException("the salt is 32 bytes in base64url");
        }
    }

    /** The members that are hashed, as JSON. */
    public Map<String, @Nullable Object> toJson() {
        Map<String, @Nullable Object> out = new LinkedHashMap<>();
        out.put("approval_id", approvalId);
        out.put("agent", agent);
        out.put("permissions", BehalfTask.permissionsToJson(scope));
        out.put("limits", BehalfTask.limitsToJson(limits));
        out.put("end", end.toString());
        out.put("text", text);
        out.put("locale", locale);
        out.put("salt", salt);
        return out;
    }

    /** SHA-256 over the RFC 8785 form: 32 bytes. */
    public byte[] digest() {
        try {
            return MessageDigest.getInstance("SHA-256").digest(Json.canonical(toJson()));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }

    /** {@link #digest}, base64url: the claim {@code task_s256}. */
    public String s256() {
        return Base64.getUrlEncoder().withoutPadding().encodeToString(digest());
    }
}
