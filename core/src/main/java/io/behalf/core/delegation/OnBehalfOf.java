package io.behalf.core.delegation;

import java.util.function.Function;
import java.util.regex.Pattern;

/** For whom an agent acts: a person, or explicitly nobody. Never null, never left out. */
public sealed interface OnBehalfOf {
    /**
     * A person.
     *
     * @param id {@code <provider>:<immutable id at the provider>}: the token's {@code sub}; never in a record
     * @param provider issuer that authenticated the person: the token's {@code idp}
     * @param pseudonym {@code sbj_…}, one per task: what records say instead
     */
    record Subject(String id, String provider, String pseudonym) implements OnBehalfOf {
        private static final Pattern ID = Pattern.compile("[a-z0-9-]{1,64}:.{1,255}", Pattern.DOTALL);

        public Subject {
            if (!ID.matcher(id).matches() || id.startsWith("agent:")) {
                // `agent` is reserved, so that no client can pose as a person (RFC 9700 §4.15)
                throw new IllegalArgumentException("a subject id is <provider>:<id>, and no provider is named agent");
            }
            Ids.require("sbj", pseudonym);
            if (provider.isEmpty() || provider.length() > 512) {
                throw new IllegalArgumentException("provider issuer is empty or longer than 512");
            }
        }

        @Override
        public String toString() {
            return "Subject[" + pseudonym + "]"; // the id is personal data and must not reach a log by accident
        }
    }

    /**
     * Nobody: a task that a timer or a system started.
     *
     * @param category from the agent's registration, for example {@code scheduled}
     * @param reasonCode why no person stands behind it, for example {@code nightly-reconciliation}
     */
    record NoSubject(String category, String reasonCode) implements OnBehalfOf {
        private static final Pattern WORD = Pattern.compile("[a-z0-9][a-z0-9_.-]{0,63}");

        public NoSubject {
            if (!WORD.matcher(category).matches() || !WORD.matcher(reasonCode).matches()) {
                throw new IllegalArgumentException("category and reason_code are lower-case words of at most 64");
            }
        }
    }

    default <R> R fold(Function<? super Subject, ? extends R> person, Function<? super NoSubject, ? extends R> nobody) {
        if (this instanceof Subject s) {
            return person.apply(s);
        }
        return nobody.apply((NoSubject) this);
    }
}
