package io.behalf.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.core.jose.CompactJws;
import io.behalf.core.json.Json;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** The requests of one vector in {@code vectors/token-requests.json}, made one after the other. */
final class VectorSteps {
    private static final Duration ANSWERS_WITHIN = Duration.ofSeconds(30);
    private static final Pattern KEPT = Pattern.compile("\\{(made|access_token|refresh_token):([a-z]+)}");

    private final Asked asked;
    private final HttpClient http;
    private final VectorForge forge;
    private final Map<String, @Nullable Object> file;
    private final Map<String, @Nullable Object> vector;
    private final String name;
    private final Map<String, String> made = new HashMap<>();
    private final Map<String, Map<String, @Nullable Object>> kept = new HashMap<>();

    /** Who answers. */
    interface Asked {
        URI base();

        /** The issuer whose tokens start tasks. */
        String provider();

        /** An attacker's address. */
        URI elsewhere();

        Instant now();

        void pass(Duration time);

        /** What placeholders mean here, when this route is called at this path. */
        default Map<String, String> words(String route, String path) {
            return Map.of(
                    "issuer", base().toString(),
                    "provider", provider(),
                    "audience", base().resolve(route).toString(),
                    "url", base().resolve(path).toString(),
                    "other audience", base().resolve("/mcp/payroll").toString(),
                    "elsewhere", elsewhere().toString());
        }
    }

    VectorSteps(
            Asked asked,
            HttpClient http,
            VectorForge forge,
            Map<String, @Nullable Object> file,
            Map<String, @Nullable Object> vector) {
        this.asked = asked;
        this.http = http;
        this.forge = forge;
        this.file = file;
        this.vector = vector;
        this.name = vector.get("name") + " " + UUID.randomUUID();
    }

    /** Makes them, and checks that all but the last are given what they ask for, and the last what the vector says. */
    void answeredAsTheVectorSays() {
        var steps = VectorFile.list(vector.get("steps"));
        for (int i = 0; i < steps.size() - 1; i++) {
            var step = VectorFile.object(steps.get(i));
            var answer = send(step, i);
            assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
            if (step.containsKey("keep")) {
                kept.put(VectorFile.text(step, "keep"), parsed(answer.body()));
            }
        }
        var last = send(VectorFile.object(steps.getLast()), steps.size() - 1);
        var expected = VectorFile.text(vector, "expect");
        if (expected.equals("passed")) {
            assertThat(last.statusCode()).as(last.body()).isBetween(200, 201);
            if (vector.containsKey("answer")) {
                assertThat(parsed(last.body())).containsAllEntriesOf(VectorFile.object(vector.get("answer")));
            }
        } else {
            refused(last, expected);
        }
    }

    /** RFC 6749 §5.2. */
    private void refused(HttpResponse<String> answer, String expected) {
        var error = parsed(answer.body());
        assertThat(error.get("error")).as(answer.body()).isEqualTo(expected);
        assertThat(VectorFile.text(error, "error_description")).contains(VectorFile.text(vector, "says", " "));
        assertThat(error).doesNotContainKey("access_token");
        assertThat(answer.statusCode()).isEqualTo(expected.equals("invalid_client") ? 401 : 400);
        assertThat(answer.headers().firstValue("cache-control")).hasValue("no-store");
    }

    private HttpResponse<String> send(Map<String, @Nullable Object> step, int number) {
        if (step.get("after") instanceof Long seconds) {
            asked.pass(Duration.ofSeconds(seconds));
        }
        var path = VectorFile.text(step, "path", "/oauth/token");
        var agent = VectorFile.text(step, "as");
        var key = VectorFile.text(VectorFile.object(file.get("agents")), agent);
        var place = place(path).with("step", "" + number);
        var request = HttpRequest.newBuilder(asked.base().resolve(path))
                .timeout(ANSWERS_WITHIN)
                .header("Content-Type", "application/x-www-form-urlencoded")
                .POST(BodyPublishers.ofString(form(step, agent, place)));
        if (step.containsKey("headers")) {
            VectorFile.object(step.get("headers"))
                    .forEach((header, value) -> request.header(header, String.valueOf(value)));
        }
        forge.proofs(step.get("proofs"), key, place).forEach(proof -> request.header("DPoP", proof));
        try {
            return http.send(request.build(), BodyHandlers.ofString());
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(stopped);
        }
    }

    private VectorForge.Place place(String path) {
        return new VectorForge.Place(asked.now(), asked.words("/mcp/tickets", path), Map.of()).with("vector", name);
    }

    private String form(Map<String, @Nullable Object> step, String agent, VectorForge.Place place) {
        var form = new HashMap<String, @Nullable Object>();
        form.put("client_id", agent);
        form.put("client_secret", VectorServer.secret(agent));
        form.putAll(VectorFile.object(step.get("form")));
        form.values().removeIf(Objects::isNull);
        return form.entrySet().stream()
                        .map(parameter -> parameter.getKey() + "="
                                + URLEncoder.encode(
                                        resolved(String.valueOf(parameter.getValue()), place), StandardCharsets.UTF_8))
                        .collect(Collectors.joining("&"))
                + resolved(VectorFile.text(step, "form_text", ""), place);
    }

    private String resolved(String text, VectorForge.Place place) {
        var own = KEPT.matcher(text)
                .replaceAll(found -> Matcher.quoteReplacement(
                        found.group(1).equals("made")
                                ? made(found.group(2), place)
                                : VectorFile.text(kept(found.group(2)), found.group(1))));
        return forge.resolved(own, place);
    }

    /** Made when it is first used, and then the same. */
    private String made(String token, VectorForge.Place place) {
        var known = made.get(token);
        if (known == null) {
            var recipe = VectorFile.object(VectorFile.object(vector.get("made")).get(token));
            known = forge.token(recipe, honest(recipe), place.with("name", token));
            made.put(token, known);
        }
        return known;
    }

    private Map<String, @Nullable Object> honest(Map<String, @Nullable Object> recipe) {
        if (!recipe.containsKey("of")) {
            return VectorFile.object(
                    VectorFile.object(file.get("honest")).get(VectorFile.text(recipe, "kind", "provider")));
        }
        try {
            var given = CompactJws.parse(VectorFile.text(kept(VectorFile.text(recipe, "of")), "access_token"));
            return Map.of("signed_by", "authority", "header", given.header(), "claims", given.claims());
        } catch (Json.Malformed malformed) {
            throw new IllegalStateException(malformed);
        }
    }

    private Map<String, @Nullable Object> kept(String step) {
        return Objects.requireNonNull(kept.get(step), () -> "nothing was kept of " + step);
    }

    private static Map<String, @Nullable Object> parsed(String json) {
        try {
            return Json.readObject(json.getBytes(StandardCharsets.UTF_8));
        } catch (Json.Malformed malformed) {
            throw new AssertionError(json, malformed);
        }
    }
}
