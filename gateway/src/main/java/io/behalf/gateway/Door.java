package io.behalf.gateway;

import io.behalf.core.delegation.Checked;
import io.behalf.core.delegation.Reason;
import io.behalf.core.delegation.Refusal;
import io.behalf.verifier.Presented;
import io.behalf.verifier.TrustedIssuers;
import io.vertx.core.MultiMap;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpVersion;
import java.util.BitSet;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.random.RandomGenerator;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The first stage: what can be said of a request by its head alone, in the order of the reasons. Whatever two programs on
 * the way could read differently is turned away here, because a check of one reading is no check of the other. Immutable.
 */
final class Door {
    /** Longest path and query together. */
    static final int MAX_TARGET = 8_192;

    static final int MAX_HEADERS = 128;

    /** Headers and parameters by which frameworks let a request be another than its method says. */
    private static final List<CharSequence> METHOD_OVERRIDES = Stream.of(
                    "x-http-method-override", "x-http-method", "x-method-override")
            .map(Names::of)
            .toList();

    /** Header values of which two would mean that somebody reads the other one. */
    private static final List<CharSequence> SINGLE = Stream.of(
                    "host",
                    "origin",
                    "content-type",
                    "content-length",
                    "transfer-encoding",
                    "content-encoding",
                    "expect",
                    "mcp-session-id",
                    "mcp-protocol-version",
                    "last-event-id",
                    "idempotency-key",
                    "behalf-tool-call")
            .map(Names::of)
            .toList();

    /** What stands for itself in a path (RFC 3986 §3.3), without the semicolon, whose meaning servers disagree on. */
    private static final BitSet IN_PATH = characters("-._~!$&'()*+,=:@/");

    private static final BitSet IN_QUERY = characters("-._~!$&'()*+,;=:@/?[]|");

    private static final Set<String> DIGITS_ONLY_REFUSED = Set.of("", "+", "-");

    private final GatewayConfig config;
    private final Map<String, Passage> passages = new HashMap<>();
    private final Presentation presentation;
    private final RandomGenerator random;

    Door(GatewayConfig config, List<Passage> passages, TrustedIssuers issuers, RandomGenerator random) {
        this.config = config;
        passages.forEach(passage -> this.passages.put(passage.route().prefix(), passage));
        this.presentation = new Presentation(issuers);
        this.random = random;
    }

    /** What came of a request's head. */
    sealed interface Entry {
        record Arrived(Arrival arrival) implements Entry {}

        /** @param passage empty where it is not known which protocol the answer should speak */
        record TurnedAway(Refusal refusal, Optional<Passage> passage) implements Entry {}
    }

    Entry admit(HttpServerRequest request) {
        Optional<Refusal> no = foreign(request).or(() -> ambiguous(request)).or(() -> target(request.uri()));
        String uri = request.uri();
        int mark = uri.indexOf('?');
        String path = mark < 0 ? uri : uri.substring(0, mark);
        String prefix = prefix(path);
        Passage passage = passages.get(prefix);
        if (no.isPresent()) {
            return new Entry.TurnedAway(no.get(), Optional.ofNullable(passage));
        }
        if (passage == null || prefix == null) {
            return new Entry.TurnedAway(
                    Refusal.of(Reason.ROUTE_UNKNOWN, "There is no route at this address."), Optional.empty());
        }
        String query = mark < 0 ? "" : uri.substring(mark + 1);
        Head head = new Head(request.method().name(), path.substring(prefix.length()), query, request.headers());
        return switch (passage.codec().head(head)) {
            case Checked.Refused<Codec.Expect>(Refusal unknown) -> new Entry.TurnedAway(unknown, Optional.of(passage));
            case Checked.Passed<Codec.Expect>(Codec.Expect expect) -> arrive(request, passage, head, path, expect);
        };
    }

    private Entry arrive(HttpServerRequest request, Passage passage, Head head, String path, Codec.Expect expect) {
        Route route = passage.route();
        Optional<Refusal> size =
                declaredSize(request.headers(), expect, route.maxRequestBytes()).or(() -> contentType(head, expect));
        if (size.isPresent()) {
            return new Entry.TurnedAway(size.get(), Optional.of(passage));
        }
        return switch (presentation.of(request, route)) {
            case Checked.Refused<Presentation.Found>(Refusal twice) ->
                new Entry.TurnedAway(twice, Optional.of(passage));
            case Checked.Passed<Presentation.Found>(Presentation.Found found) ->
                new Entry.Arrived(new Arrival(
                        passage,
                        expect,
                        head,
                        new Presented(
                                found.token(),
                                found.scheme(),
                                request.headers().getAll(Names.DPOP),
                                Presentation.certificate(request),
                                head.method(),
                                passage.base() + path,
                                passage.audiences(),
                                route.allowUnbound()),
                        found.own(),
                        String.valueOf(request.remoteAddress().hostAddress()),
                        TraceContext.at(request.getHeader(Names.TRACEPARENT), random),
                        request));
        };
    }

    /** A page that rebinds its name to this address, or posts here from elsewhere. */
    private Optional<Refusal> foreign(HttpServerRequest request) {
        String host = request.getHeader(Names.HOST);
        if (request.version() == HttpVersion.HTTP_2 && host == null && request.authority() != null) {
            host = request.authority().toString();
        }
        if (host == null || !config.hosts().contains(host.toLowerCase(Locale.ROOT))) {
            return Optional.of(malformed("this server does not answer under the host that was asked for")
                    .withStatus(403));
        }
        String origin = request.getHeader(Names.ORIGIN);
        if (origin != null && !config.origins().contains(origin)) {
            return Optional.of(
                    malformed("pages of this origin may not call here").withStatus(403));
        }
        return Optional.empty();
    }

    private static Optional<Refusal> ambiguous(HttpServerRequest request) {
        MultiMap headers = request.headers();
        if (request.decoderResult().isFailure()) {
            return Optional.of(malformed("it is not well-formed HTTP"));
        }
        if (headers.size() > MAX_HEADERS) {
            return Optional.of(malformed("it has more than " + MAX_HEADERS + " headers"));
        }
        for (CharSequence name : SINGLE) {
            if (headers.contains(name) && headers.getAll(name).size() > 1) {
                return Optional.of(malformed("it has the header " + name + " twice"));
            }
        }
        for (CharSequence override : METHOD_OVERRIDES) {
            if (headers.contains(override)) {
                return Optional.of(malformed("a method cannot be overridden"));
            }
        }
        String coding = headers.get(Names.TRANSFER_ENCODING);
        if (coding != null && (!coding.equalsIgnoreCase("chunked") || headers.contains(Names.CONTENT_LENGTH))) {
            return Optional.of(malformed("its length is told in two ways")); // RFC 9112 §6.1
        }
        if (headers.contains(Names.CONTENT_ENCODING)
                && !"identity".equalsIgnoreCase(headers.get(Names.CONTENT_ENCODING))) {
            return Optional.of(malformed("its body is compressed, and only what can be read is decided on"));
        }
        return Optional.empty();
    }

    private static Optional<Refusal> target(String uri) {
        if (uri.length() > MAX_TARGET) {
            return Optional.of(malformed("its address is longer than " + MAX_TARGET + " characters"));
        }
        int mark = uri.indexOf('?');
        String path = mark < 0 ? uri : uri.substring(0, mark);
        if (!path.startsWith("/") || !plain(path, IN_PATH)) {
            return Optional.of(malformed("its path has characters that do not belong there"));
        }
        if (encodesStructure(path)
                || path.contains("//")
                || path.contains("/./")
                || path.contains("/../")
                || path.endsWith("/.")
                || path.endsWith("/..")) {
            return Optional.of(malformed("its path can be read in two ways"));
        }
        return mark < 0 ? Optional.empty() : query(uri.substring(mark + 1));
    }

    private static BitSet characters(String special) {
        BitSet set = new BitSet(128);
        for (char c = 0; c < 128; c++) {
            boolean letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
            set.set(c, letter || special.indexOf(c) >= 0);
        }
        return set;
    }

    /** Whether it is made of these characters and percent-encoded bytes. */
    private static boolean plain(String text, BitSet allowed) {
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == '%') {
                if (i + 2 >= text.length()
                        || !HexFormat.isHexDigit(text.charAt(i + 1))
                        || !HexFormat.isHexDigit(text.charAt(i + 2))) {
                    return false;
                }
                i += 2;
            } else if (c >= 128 || !allowed.get(c)) {
                return false;
            }
        }
        return true;
    }

    /** An encoded dot, slash, backslash, percent or NUL, which a second decoding would turn into another path. */
    private static boolean encodesStructure(String path) {
        for (int at = path.indexOf('%'); at >= 0; at = path.indexOf('%', at + 1)) {
            switch (HexFormat.fromHexDigits(path, at + 1, at + 3)) {
                case '.', '/', '\\', '%', 0 -> {
                    return true;
                }
                default -> {}
            }
        }
        return false;
    }

    /**
     * A letter, digit, point, line or underline, which nobody needs to encode (RFC 3986 §2.3): only who wants a name or a
     * token to be seen on one side and not on the other.
     */
    private static boolean encodesWhatStandsForItself(String query) {
        for (int at = query.indexOf('%'); at >= 0; at = query.indexOf('%', at + 3)) {
            int c = HexFormat.fromHexDigits(query, at + 1, at + 3);
            if (c < 128 && (Character.isLetterOrDigit(c) || c == '.' || c == '-' || c == '_')) {
                return true;
            }
        }
        return false;
    }

    private static Optional<Refusal> query(String query) {
        if (!plain(query, IN_QUERY)) {
            return Optional.of(malformed("its query has characters that do not belong there"));
        }
        if (encodesWhatStandsForItself(query)) {
            return Optional.of(malformed("its query encodes characters that stand for themselves"));
        }
        for (String parameter : query.split("[&;]", -1)) {
            int equals = parameter.indexOf('=');
            String name = equals < 0 ? parameter : parameter.substring(0, equals);
            if (Parameters.overrideMethod(name.replace('+', ' ')
                    .replace("%20", " ")
                    .replace("%5B", "[")
                    .replace("%5b", "["))) {
                return Optional.of(malformed("a method cannot be overridden"));
            }
            // RFC 9700 §4.3.2: addresses end up in logs and histories
            if (name.equalsIgnoreCase("access_token")
                    || Presentation.looksLikeToken(equals < 0 ? "" : parameter.substring(equals + 1))) {
                return Optional.of(malformed("a token does not belong in an address"));
            }
        }
        return Optional.empty();
    }

    private static Optional<Refusal> declaredSize(MultiMap headers, Codec.Expect expect, long most) {
        String declared = headers.get(Names.CONTENT_LENGTH);
        if (declared == null) {
            return Optional.empty();
        }
        long length;
        try {
            length = DIGITS_ONLY_REFUSED.contains(declared.substring(0, Math.min(1, declared.length())))
                    ? -1
                    : Long.parseLong(declared);
        } catch (NumberFormatException e) {
            length = -1;
        }
        if (length < 0) {
            return Optional.of(malformed("its length is no number"));
        }
        long accepted = expect == Codec.Expect.NO_BODY ? 0 : most;
        return length <= accepted
                ? Optional.empty()
                : Optional.of(Arrival.tooLarge(accepted).fold(_ -> malformed(""), no -> no));
    }

    private static Optional<Refusal> contentType(Head head, Codec.Expect expect) {
        if (head.leavesCharsetOpen()) {
            return Optional.of(malformed("its content type lets its body be read as other than UTF-8"));
        }
        return expect == Codec.Expect.JSON && !head.saysJson()
                ? Optional.of(malformed("its body must be application/json"))
                : Optional.empty();
    }

    /** The first two segments; null where there are fewer. */
    private static @Nullable String prefix(String path) {
        int second = path.indexOf('/', 1);
        if (second < 0) {
            return null;
        }
        int third = path.indexOf('/', second + 1);
        return third < 0 ? path : path.substring(0, third);
    }

    private static Refusal malformed(String why) {
        return Refusal.of(Reason.REQUEST_MALFORMED, "This request cannot be decided on: " + why + ".");
    }
}
