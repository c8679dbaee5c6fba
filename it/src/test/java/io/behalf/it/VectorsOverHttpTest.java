package io.behalf.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.core.delegation.Reason;
import io.behalf.core.jose.CompactJws;
import io.behalf.core.jose.SigningKey;
import io.behalf.core.json.Json;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Shows a running server what {@code vectors/presentations.json}, {@code vectors/requests.json} and
 * {@code vectors/token-requests.json} say, made for its address, its clock and its tasks.
 *
 * <p>Of one agent, 60 refusals a minute are recorded one by one, and 60 failed authentications from one address are
 * answered: there are fewer vectors of both kinds.
 */
class VectorsOverHttpTest {
    private static final Map<String, @Nullable Object> PRESENTATIONS = VectorFile.read("presentations.json");
    private static final Map<String, @Nullable Object> TOKEN_REQUESTS = VectorFile.read("token-requests.json");
    private static final Map<String, @Nullable Object> REQUESTS = VectorFile.read("requests.json");
    private static final VectorForge SHOWING = forge(PRESENTATIONS);
    private static final VectorForge ASKING = forge(TOKEN_REQUESTS);
    private static final Duration ANSWERS_WITHIN = Duration.ofSeconds(30);

    /** Claims that are those of the task that a server has begun. */
    private static final List<String> OF_THE_TASK = List.of("sub", "idp", "sbj", "task_id", "task_s256", "approval_id");

    @TempDir
    static Path folder;

    private static final HttpClient HTTP =
            HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    private static @Nullable VectorServer running;

    /** A token of the task that goes on, of one that its agent ended, and of one that was stopped. */
    private static final Map<String, String> TOKENS = new HashMap<>();

    @BeforeAll
    static void start() {
        running = VectorServer.start(folder);
        try (var going = begin();
                var ended = begin();
                var stopped = begin()) {
            TOKENS.put("", going.token());
            TOKENS.put("task_ended", ended.token());
            ended.end();
            TOKENS.put("delegation_revoked", stopped.token());
            server().told("revoke", "--task", stopped.task(), "--reason", "for the vectors");
        }
    }

    private static HandMadeAgent begin() {
        var details = VectorFile.object(
                        VectorFile.object(PRESENTATIONS.get("honest")).get("claims"))
                .get("authorization_details");
        return new HandMadeAgent(server().base(), "ticket-agent", VectorServer.secret("ticket-agent"))
                .begin(running().people().token("alice", server().base().toString()), VectorFile.json(details));
    }

    @AfterAll
    static void stop() {
        HTTP.shutdownNow();
        if (running != null) {
            running.close();
        }
    }

    /** Neither the service nor the attacker's address that a token points to. */
    @AfterEach
    void nothingHasReachedTheUpstream() {
        assertThat(running().upstream().taken()).isEmpty();
    }

    static Stream<Named<Map<String, @Nullable Object>>> presentations() {
        return shown(PRESENTATIONS);
    }

    @ParameterizedTest
    @MethodSource("presentations")
    void answersPresentationAsTheVectorSays(Map<String, @Nullable Object> vector) {
        var door = VectorDoor.of(vector);
        var made = SHOWING.make(VectorFile.object(vector.get("made")), place(vector, door));
        for (var proofs : made.before()) {
            send(vector, door, made.token().orElseThrow(), proofs);
        }
        running().upstream().taken();

        var answer = send(vector, door, made.token().orElse(""), made.proofs());

        answered(answer, vector, door);
    }

    private static void answered(HttpResponse<String> answer, Map<String, @Nullable Object> vector, VectorDoor door) {
        var expected = VectorFile.text(vector, "expect");
        if (expected.equals("passed")) {
            assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
            assertThat(answer.headers().firstValue("behalf-record")).isPresent();
            assertThat(running().upstream().taken()).hasSize(1);
            return;
        }
        var reason = Reason.of(expected);
        var refusal = vector.containsKey("path") // where no route is, there is no protocol either
                ? RefusalAssert.problem(server(), answer, reason)
                : door.refusal(server(), answer, reason);
        assertThat(answer.headers().map().containsKey("www-authenticate")).isEqualTo(reason.challenges());
        if (vector.containsKey("authentic")) {
            refusal.recordedIn(claims(vector, "task_id"));
        } else {
            refusal.onlyCounted();
        }
    }

    static Stream<Named<Map<String, @Nullable Object>>> requests() {
        return shown(REQUESTS);
    }

    @ParameterizedTest
    @MethodSource("requests")
    void answersRequestAsTheVectorSays(Map<String, @Nullable Object> vector) {
        var door = VectorDoor.named(VectorFile.text(vector, "route"));
        var place = place(vector, door);
        var recipe = VectorFile.object(vector.get("made"));
        var made = SHOWING.make(recipe, place);
        place = place.with("shown", made.token().orElseThrow())
                .with("proof", made.proofs().getFirst());
        if (recipe.containsKey("second")) {
            var second = SHOWING.make(Map.of("token", VectorFile.object(recipe.get("second"))), place);
            place = place.with("second", second.token().orElseThrow());
        }

        answered(send(door.request(server().base(), vector, SHOWING, place)), vector, door);
    }

    static Stream<Named<Map<String, @Nullable Object>>> tokenRequests() {
        return shown(TOKEN_REQUESTS);
    }

    @ParameterizedTest
    @MethodSource("tokenRequests")
    void answersTokenRequestAsTheVectorSays(Map<String, @Nullable Object> vector) {
        new VectorSteps(running(), HTTP, ASKING, TOKEN_REQUESTS, vector).answeredAsTheVectorSays();
    }

    private static Stream<Named<Map<String, @Nullable Object>>> shown(Map<String, @Nullable Object> file) {
        return VectorFile.named(file).filter(vector -> !vector.getPayload().containsKey("not_over_http"));
    }

    private static VectorForge forge(Map<String, @Nullable Object> file) {
        return new VectorForge(VectorFile.keys(), VectorFile.object(file.get("honest")), SigningKey::sign);
    }

    @Test
    void fewVectorsCannotBeShownAndSayWhy() {
        assertThat(keptBack(PRESENTATIONS))
                .containsExactlyInAnyOrder(
                        "nbf within the skew: it needs a clock that stands still",
                        "proof of a minute ahead: it needs a clock that stands still",
                        "proof too old: it needs a clock that stands still",
                        "one second before its end: it needs a clock that stands still",
                        "proof as old as it may be: it needs a clock that stands still",
                        "nbf beyond the skew: it needs a clock that stands still",
                        "iat beyond the skew: it needs a clock that stands still",
                        "proof from the future: it needs a clock that stands still",
                        "bound to the connection's certificate: it needs a connection with a client certificate",
                        "another certificate: it needs a connection with a client certificate");
        assertThat(keptBack(TOKEN_REQUESTS)).hasSize(14).allSatisfy(vector -> assertThat(vector)
                .endsWith(": it needs a clock that can be moved on"));
    }

    private static List<String> keptBack(Map<String, @Nullable Object> file) {
        var out = new ArrayList<String>();
        for (var vector : VectorFile.vectors(file)) {
            if (vector.containsKey("not_over_http")) {
                out.add(vector.get("name") + ": it " + vector.get("not_over_http"));
            }
        }
        return out;
    }

    private static VectorForge.Place place(Map<String, @Nullable Object> vector, VectorDoor door) {
        var claims = new LinkedHashMap<String, @Nullable Object>();
        OF_THE_TASK.forEach(name -> claims.put(name, claims(vector, name)));
        // no proof of one run is a proof that another one has used
        return new VectorForge.Place(Instant.now(), running().words(door.route(), door.path()), claims)
                .with("vector", vector.get("name") + " " + UUID.randomUUID());
    }

    private static String claims(Map<String, @Nullable Object> vector, String name) {
        var token = Objects.requireNonNull(TOKENS.get(VectorFile.text(vector, "stopped", "")));
        try {
            return CompactJws.parse(token).claim(name).orElseThrow();
        } catch (Json.Malformed malformed) {
            throw new IllegalStateException(malformed);
        }
    }

    private static HttpResponse<String> send(
            Map<String, @Nullable Object> vector, VectorDoor door, String token, List<String> proofs) {
        var request = door.request(server().base(), VectorDoor.called(vector, "action", "search"));
        switch (VectorFile.text(vector, "scheme")) {
            case "dpop" -> request.header("Authorization", "DPoP " + token);
            case "bearer" -> request.header("Authorization", "Bearer " + token);
            case "delegation_header" -> request.header("X-Behalf-Delegation", token);
            case "key_header" -> request.header(VectorFile.text(vector, "header"), token);
            case "none" -> {}
            default -> throw new IllegalArgumentException(String.valueOf(vector.get("scheme")));
        }
        proofs.forEach(proof -> request.header("DPoP", proof));
        return send(request);
    }

    private static HttpResponse<String> send(HttpRequest.Builder request) {
        try {
            return HTTP.send(request.timeout(ANSWERS_WITHIN).build(), BodyHandlers.ofString());
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(stopped);
        }
    }

    private static BehalfServer server() {
        return running().server();
    }

    private static VectorServer running() {
        return Objects.requireNonNull(running, "it was not started");
    }
}
