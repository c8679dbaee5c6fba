package io.behalf.authority;

import io.behalf.core.json.Json;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Who stands behind a task, as the provider told at its start. Personal data: never in a record or a log.
 *
 * @param provider name of the provider in the configuration
 * @param issuer of the provider
 * @param sub immutable id at the provider
 */
public record Person(String provider, String issuer, String sub, Optional<String> name, Optional<String> email) {
    /** The token's {@code sub}. */
    public String subjectId() {
        return provider + ":" + sub;
    }

    /** Name, else e-mail, else id: for pages that the person or an auditor reads. */
    public String display() {
        return name.or(() -> email).orElse(sub);
    }

    /**
     * By id, with the provider or without, e-mail address or name; letter for letter, so that a name that only looks alike
     * is another one. Of these the person, or somebody who wants to be taken for them, may have chosen all but the id.
     */
    public boolean isCalled(String text) {
        return Stream.of(Optional.of(subjectId()), Optional.of(sub), email, name)
                .anyMatch(Optional.of(text)::equals);
    }

    /** RFC 8785 form of the identity: what {@code approved} commits to, behind a salt. */
    public byte[] canonical() {
        return Json.canonical(toJson());
    }

    Map<String, @Nullable Object> toJson() {
        Map<String, @Nullable Object> out = new LinkedHashMap<>();
        out.put("provider", provider);
        out.put("issuer", issuer);
        out.put("sub", sub);
        name.ifPresent(n -> out.put("name", n));
        email.ifPresent(e -> out.put("email", e));
        return out;
    }

    @Override
    public String toString() {
        return "Person[" + provider + "]";
    }
}
