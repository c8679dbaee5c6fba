package io.behalf.gateway;

import io.behalf.core.delegation.Checked;
import io.behalf.core.delegation.Reason;
import io.behalf.core.delegation.Refusal;
import io.behalf.core.jose.Base64Url;
import io.behalf.core.record.AuditRecord.Mode;
import io.behalf.core.record.AuditRecord.Surface;
import io.behalf.gateway.Arrival.Own;
import io.behalf.verifier.Presented.Scheme;
import io.behalf.verifier.TrustedIssuers;
import io.vertx.core.MultiMap;
import io.vertx.core.http.HttpServerRequest;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import javax.net.ssl.SSLPeerUnverifiedException;

/** Where in a request the delegation stands, and what else the caller shows. Believes nothing of it. */
final class Presentation {
    private static final String DELEGATION = "x-behalf-delegation";
    /** Where models' SDKs put their key. */
    private static final List<CharSequence> KEYS =
            Stream.of("x-api-key", "x-goog-api-key", "api-key").map(Names::of).toList();

    private final TrustedIssuers issuers;

    Presentation(TrustedIssuers issuers) {
        this.issuers = issuers;
    }

    /** @param own a credential that is no delegation */
    record Found(Optional<String> token, Scheme scheme, Optional<Own> own) {
        @Override
        public String toString() {
            return "Found[" + scheme + "]";
        }
    }

    private record Place(Scheme scheme, String header, String value, String token) {}

    Checked<Found> of(HttpServerRequest request, Route route) {
        List<Place> places = places(request.headers());
        // without a header of its own, whatever has a token's form competes to be the delegation
        boolean anyToken = route.mode() == Mode.ENFORCE && !request.headers().contains(Names.DELEGATION);
        Optional<Place> shown = Optional.empty();
        for (Place place : places) {
            if (isDelegation(place, route, anyToken)) {
                if (shown.isEmpty()) {
                    shown = Optional.of(place);
                } else if (!shown.get().token.equals(place.token)) {
                    return Checked.refused(Refusal.of(
                            Reason.REQUEST_MALFORMED,
                            "This request cannot be decided on: it shows two different delegations."));
                }
            }
        }
        Optional<Own> own = Optional.empty();
        for (Place place : places) {
            boolean delegation = shown.isPresent() && shown.get().token.equals(place.token);
            if (!delegation && own.isEmpty()) {
                own = Optional.of(new Own(place.header, place.value));
            }
        }
        if (shown.isEmpty() && route.mode() == Mode.ENFORCE) {
            // whatever stands there was meant as one, and the verifier says what is wrong with it
            shown = places.stream().filter(p -> mayHold(p, route)).findFirst();
            own = Optional.empty();
        }
        return Checked.passed(
                new Found(shown.map(Place::token), shown.map(Place::scheme).orElse(Scheme.NONE), own));
    }

    private static List<Place> places(MultiMap headers) {
        List<Place> places = new ArrayList<>(2);
        for (String value : headers.getAll(Names.DELEGATION)) {
            places.add(new Place(Scheme.DELEGATION_HEADER, DELEGATION, value, value.strip()));
        }
        for (String value : headers.getAll(Names.AUTHORIZATION)) {
            int space = value.indexOf(' ');
            String scheme = space < 0 ? value : value.substring(0, space);
            String token = space < 0 ? "" : value.substring(space + 1).strip();
            if (scheme.equalsIgnoreCase("DPoP")) {
                places.add(new Place(Scheme.DPOP, "authorization", value, token));
            } else {
                places.add(new Place(Scheme.BEARER, "authorization", value, token));
            }
        }
        for (CharSequence name : KEYS) {
            for (String value : headers.getAll(name)) {
                places.add(new Place(Scheme.KEY_HEADER, name.toString(), value, value.strip()));
            }
        }
        return places;
    }

    /** A key header holds a delegation only where a model's SDK left no other place for it. */
    private static boolean mayHold(Place place, Route route) {
        return place.scheme != Scheme.KEY_HEADER || route.surface() == Surface.LLM;
    }

    /**
     * Whether this is shown as a delegation, and not a service's own credential.
     *
     * @param anyToken whether a token's form is enough; otherwise its issuer must be trusted
     */
    private boolean isDelegation(Place place, Route route, boolean anyToken) {
        if (place.scheme == Scheme.DELEGATION_HEADER || place.scheme == Scheme.DPOP) {
            return true;
        }
        return mayHold(place, route) && looksLikeToken(place.token) && (anyToken || ofTrustedIssuer(place.token));
    }

    private boolean ofTrustedIssuer(String token) {
        String payload = token.substring(token.indexOf('.') + 1, token.lastIndexOf('.'));
        byte[] claims;
        try {
            claims = Base64.getUrlDecoder().decode(payload);
        } catch (IllegalArgumentException e) {
            return false;
        }
        return Fields.string(Fields.objectOrNothing(claims), "iss")
                .flatMap(issuers::of)
                .isPresent();
    }

    /** Whether it has the form of a JWS (RFC 7515 §7.1): three parts, the first of which begins a JSON object. */
    static boolean looksLikeToken(String value) {
        if (!value.startsWith("eyJ")) {
            return false;
        }
        int first = value.indexOf('.');
        int second = value.indexOf('.', first + 1);
        return first > 0 && second > first + 1 && second < value.length() - 1 && value.indexOf('.', second + 1) < 0;
    }

    /** RFC 8705 §3.1, of the certificate that the TLS layer has verified. */
    static Optional<String> certificate(HttpServerRequest request) {
        if (!request.isSSL()) {
            return Optional.empty();
        }
        try {
            var chain = request.connection().peerCertificates();
            return Optional.of(Base64Url.encode(sha256(chain.getFirst().getEncoded())));
        } catch (GeneralSecurityException | SSLPeerUnverifiedException e) {
            return Optional.empty(); // none was asked for, or none given
        }
    }

    static byte[] sha256(byte[] bytes) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(bytes);
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }

    static byte[] sha256(String text) {
        return sha256(text.getBytes(StandardCharsets.UTF_8));
    }
}
