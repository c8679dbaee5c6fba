package io.behalf.core.delegation;

import java.util.Locale;
import java.util.Optional;

/** Who vouches for the approval, and how. */
public enum ApprovalKind {
    /** The person approved in the browser; the provider signed a login for exactly that text. */
    INTERACTIVE,
    /** The person approved away from the browser, behind the same login. */
    CIBA,
    /** The person approved a template once; this task falls under it. */
    STANDING,
    /** An application says so. */
    ASSERTED,
    /** The corporate provider issued the delegation itself. */
    PROVIDER,
    /** Break-glass; alarmed and reviewed. */
    EMERGENCY,
    /** Nobody: there is no subject. */
    NONE;

    private final String code = name().toLowerCase(Locale.ROOT);

    public String code() {
        return code;
    }

    /** Whether a person approved this very task: the only kinds that reports call "approved by". */
    public boolean byPerson() {
        return this == INTERACTIVE || this == CIBA;
    }

    public static Optional<ApprovalKind> of(String code) {
        for (ApprovalKind kind : values()) {
            if (kind.code.equals(code)) {
                return Optional.of(kind);
            }
        }
        return Optional.empty();
    }
}
