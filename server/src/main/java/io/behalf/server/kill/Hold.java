package io.behalf.server.kill;

import io.behalf.core.delegation.Reason;
import io.behalf.core.jose.CompactJws;
import io.behalf.core.jose.DpopProof;
import io.behalf.core.jose.SigningKey;
import io.behalf.core.json.Json;
import io.behalf.sdk.Answer;
import io.behalf.sdk.HeldDelegation;
import java.net.http.HttpRequest;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Function;

/** One agent's hold on one task: the delegation of now, and how to come to the next one. */
final class Hold {
    /** A token is not shown in its last moments, when it could expire on its way. */
    private static final Duration SPARE = Duration.ofSeconds(45);

    private final Optional<SigningKey> key;
    private final Function<String, Answer<HeldDelegation>> renewing;
    /** Who is behind it; empty where nobody is. */
    private final Optional<String> person;
    /** Renewal tokens that were exchanged for another one, oldest first; none where they do not rotate. */
    private final List<String> rotated = new ArrayList<>();

    private HeldDelegation held;
    /** The part of it that another agent has. */
    private Optional<Hold> part = Optional.empty();
    /** The code that it began with. */
    private Optional<WaitingCode> code = Optional.empty();
    /** Why it is over. */
    private Optional<Reason> over = Optional.empty();

    Hold(
            HeldDelegation held,
            Optional<SigningKey> key,
            Function<String, Answer<HeldDelegation>> renewing,
            Optional<String> person) {
        this.held = held;
        this.key = key;
        this.renewing = renewing;
        this.person = person;
    }

    String task() {
        return held.task().value();
    }

    HeldDelegation held() {
        return held;
    }

    String renewal() {
        return held.renewal().orElseThrow();
    }

    boolean isBound() {
        return key.isPresent();
    }

    Optional<String> person() {
        return person;
    }

    /** Of its token. */
    String jti() {
        try {
            return CompactJws.parse(held.token()).claim("jti").orElseThrow();
        } catch (Json.Malformed e) {
            throw new IllegalStateException("a delegation is a JWT", e);
        }
    }

    /** Whether the token can be shown now. */
    boolean isFresh() {
        return Instant.now().plus(SPARE).isBefore(held.expires());
    }

    Answer<HeldDelegation> renew(String renewal) {
        return renewing.apply(renewal);
    }

    void renewed(HeldDelegation next) {
        if (!next.renewal().equals(held.renewal())) {
            rotated.add(renewal());
        }
        held = next;
    }

    /** The renewal token before the one of now. */
    Optional<String> previous() {
        return rotated.isEmpty() ? Optional.empty() : Optional.of(rotated.getLast());
    }

    /** One whose successor has been used. */
    Optional<String> usedUp() {
        return rotated.size() < 2 ? Optional.empty() : Optional.of(rotated.getFirst());
    }

    Optional<Hold> part() {
        return part;
    }

    void handedOver(Hold to) {
        part = Optional.of(to);
    }

    Optional<WaitingCode> code() {
        return code;
    }

    void beganWith(WaitingCode redeemed) {
        code = Optional.of(redeemed);
    }

    Optional<Reason> over() {
        return over;
    }

    /** It is over, and its part with it. */
    void end(Reason why) {
        over = Optional.of(why);
        part.ifPresent(hold -> hold.end(why));
    }

    /** The request with this hold's token, and a proof where it is bound to a key. */
    void attach(HttpRequest.Builder request, String method, String address) {
        request.header("Authorization", (isBound() ? "DPoP " : "Bearer ") + held.token());
        key.ifPresent(proving -> request.header(
                "DPoP",
                DpopProof.sign(
                        proving,
                        method,
                        address,
                        Instant.now(),
                        UUID.randomUUID().toString(),
                        Optional.of(held.token()),
                        Optional.empty())));
    }
}
