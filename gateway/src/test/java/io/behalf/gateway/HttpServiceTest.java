package io.behalf.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.core.delegation.Delegation;
import io.behalf.core.delegation.Permission;
import io.behalf.core.delegation.Scope;
import io.behalf.core.delegation.WithinDelegation;
import io.behalf.core.record.AuditRecord;
import io.behalf.core.record.AuditRecord.End;
import io.behalf.policy.PolicySource;
import io.behalf.policy.Rule;
import io.vertx.core.buffer.Buffer;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Plain HTTP services. */
class HttpServiceTest {
    private World world;
    private Delegation delegation;

    @BeforeEach
    void begin() throws Exception {
        world = new World();
        delegation = world.delegation();
        world.upstream.answersJson("{\"id\":4711}");
    }

    @AfterEach
    void end() {
        world.close();
    }

    @Test
    void showsTheServiceATokenOfItsOwnWithProofAndRecord() throws Exception {
        Wire.Answer answer = world.get(delegation, "/http/tickets/tickets/4711");

        assertThat(answer.status()).isEqualTo(200);
        assertThat(answer.body()).isEqualTo("{\"id\":4711}");
        var sent = world.upstream.received().getFirst();
        var intent = world.records(AuditRecord.Intent.class).getFirst();
        assertThat(sent.uri()).isEqualTo("/tickets/4711");
        assertThat(sent.headers().getAll("authorization")).containsExactly("DPoP minted-for-urn:tickets");
        assertThat(sent.headers().getAll("dpop"))
                .containsExactly("proof GET http://127.0.0.1:" + world.upstream.port() + "/tickets/4711");
        assertThat(sent.headers().getAll("behalf-record"))
                .containsExactly(intent.header().id());
        assertThat(sent.headers().get("traceparent"))
                .contains(intent.header().trace().orElseThrow().traceId());
        assertThat(intent.call().action()).isEqualTo("read");
        assertThat(intent.call().resources()).containsExactly("tickets/4711");
        assertThat(world.outcome().outcome().end()).isEqualTo(End.COMPLETE);
    }

    @Test
    void keepsAValidTraceAndBeginsAnotherForAnInvalidOne() throws Exception {
        String trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        get("/tickets/1", "traceparent: 00-" + trace + "-00f067aa0ba902b7-01\r\nbaggage: user=alice\r\n");
        get("/tickets/1", "traceparent: 00-" + "0".repeat(32) + "-00f067aa0ba902b7-01\r\n");

        var traces = world.records(AuditRecord.Intent.class).stream()
                .map(intent -> intent.header().trace().orElseThrow().traceId())
                .toList();
        assertThat(traces.get(0)).isEqualTo(trace);
        assertThat(traces.get(1)).isNotEqualTo("0".repeat(32)).hasSize(32);
        assertThat(world.upstream.received())
                .allSatisfy(
                        sent -> assertThat(sent.headers().contains("baggage")).isFalse());
    }

    @Test
    void forwardsOnlyHeadersThatAreListed() throws Exception {
        String forged = String.join(
                "\r\n",
                "Behalf-Record: rec_forged",
                "X-Behalf-Subject: bob",
                "X-Forwarded-For: 10.0.0.1",
                "Forwarded: for=10.0.0.1",
                "X-Real-IP: 10.0.0.1",
                "Cookie: a=b",
                "X-Api-Key: other",
                "Accept-Encoding: gzip",
                "X-Custom: 1",
                "Accept: application/json",
                "If-None-Match: \"1\"",
                "");
        get("/tickets/1", forged);

        var headers = world.upstream.received().getFirst().headers();
        assertThat(headers.names())
                .doesNotContain(
                        "X-Behalf-Subject",
                        "x-behalf-subject",
                        "x-forwarded-for",
                        "forwarded",
                        "x-real-ip",
                        "cookie",
                        "x-api-key",
                        "accept-encoding",
                        "x-custom");
        assertThat(headers.get("accept")).isEqualTo("application/json");
        assertThat(headers.get("if-none-match")).isEqualTo("\"1\"");
        assertThat(headers.getAll("behalf-record")).doesNotContain("rec_forged").hasSize(1);
    }

    @Test
    void holdsConstraintsAgainstTheQuery() throws Exception {
        assertThat(world.get(delegation, "/http/tickets/tickets?segment=enterprise")
                        .status())
                .isEqualTo(200);
        Wire.Answer refused = world.get(delegation, "/http/tickets/tickets?segment=private");
        assertThat(refused.status()).isEqualTo(403);
        assertThat(refused.json().get("reason")).isEqualTo("scope_exceeded");
        assertThat(refused.header("content-type")).contains("application/problem+json");
        assertThat(refused.header("www-authenticate")).isEmpty();
        assertThat(refused.json().get("record"))
                .isEqualTo(world.records(AuditRecord.Refused.class)
                        .getFirst()
                        .header()
                        .id());
        assertThat(world.get(delegation, "/http/tickets/tickets").status()).isEqualTo(403);
        assertThat(world.upstream.received()).hasSize(1);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "/tickets?segment=enterprise&segment=private",
                "/tickets?segment=enterprise&Segment=private",
                "/tickets?SEGMENT=enterprise",
                "/tickets?segment=%ff",
                "/tickets?segment=enterprise&segment[]=private",
                "/tickets?segment=enterprise&segment%5B%5D=private",
                "/tickets?segment=enterprise&segment[x]=private",
                "/tickets?segment=enterprise&+segment=private",
                "/tickets?segment=enterprise&%20segment=private",
                "/tickets?segment=enterprise&segment%00=private",
                "/tickets?segment=enterprise&x=1;segment=private"
            })
    void refusesAQueryThatCanBeReadInTwoWays(String path) throws Exception {
        Wire.Answer answer = world.get(delegation, "/http/tickets" + path);
        assertThat(answer.status()).isEqualTo(400);
        assertThat(answer.json().get("reason")).isEqualTo("request_malformed");
        assertThat(world.upstream.received()).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "_method=DELETE",
                "%5Fmethod=DELETE",
                "_%6dethod=DELETE",
                "_method[]=DELETE",
                "_method%5Bx%5D=DELETE",
                "+_method=DELETE",
                "%20_method=DELETE",
                ".method=DELETE",
                "a=b;_method=DELETE",
                "access%5Ftoken=a",
                "a=ey%4aa.b.c"
            })
    void refusesAQueryThatWouldMakeItAnotherRequest(String query) throws Exception {
        Wire.Answer answer = world.get(delegation, "/http/tickets/tickets?segment=enterprise&" + query);
        assertThat(answer.status()).as(answer.body()).isEqualTo(400);
        assertThat(answer.json().get("reason")).isEqualTo("request_malformed");
        assertThat(world.upstream.received()).isEmpty();
    }

    @Test
    void takesAQueryThatEncodesWhatItMust() throws Exception {
        assertThat(world.get(delegation, "/http/tickets/tickets?segment=enterprise&q=a%20b%26c%3D%C3%A9%7E")
                        .status())
                .isEqualTo(200);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "Content-Type: application/x-www-form-urlencoded | a=b&_method=DELETE",
                "Content-Type: application/x-www-form-urlencoded; charset=utf-8 | %5F%6dethod=DELETE",
                "Content-Type: application/x-www-form-urlencoded; charset=utf-7 | a=b",
                "Content-Type: application/x-www-form-urlencoded | _method[]=DELETE",
                "X-Nothing: said | _method=DELETE",
                "Content-Type: application/json | {\"a\":1,\"_method\":\"DELETE\"}",
                "Content-Type: application/json | {\"_METHOD\":\"DELETE\"}",
                "Content-Type: multipart/form-data; boundary=b | --b/Content-Disposition: form-data; name=\"_method\"//DELETE/--b--/",
                "Content-Type: multipart/form-data; boundary=b | --b/content-disposition:form-data;/ name=_method//DELETE/--b--/",
                "Content-Type: multipart/form-data; boundary=b | --b/Content-Disposition: form-data; name=\"_meth\\od\"//DELETE/--b--/"
            })
    void refusesABodyThatWouldMakeItAnotherRequest(String type, String body) throws Exception {
        Wire.Answer answer = note(type, body.replace("/", "\r\n"));
        assertThat(answer.status()).as(answer.body()).isEqualTo(400);
        assertThat(answer.json().get("reason")).isEqualTo("request_malformed");
        assertThat(world.upstream.received()).isEmpty();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "Content-Type: application/x-www-form-urlencoded | payment_method=card&method=x",
                "Content-Type: multipart/form-data; boundary=b | --b/Content-Disposition: form-data; name=\"payment_method\"//_method/--b--/",
                "Content-Type: text/plain; charset=iso-8859-1 | _method=DELETE"
            })
    void takesBodiesThatOnlyLookLikeIt(String type, String body) throws Exception {
        assertThat(note(type, body.replace("/", "\r\n")).status()).isEqualTo(200);
    }

    private Wire.Answer note(String type, String body) throws Exception {
        Delegation writer = Delegations.of(
                delegation,
                World.task(Scope.of(Permission.of("tickets", List.of("note"), List.of("tickets/*"), Map.of()))));
        String path = "/http/tickets/tickets/1/notes";
        return world.send(world.request(
                "POST", path, world.credentials(writer, "POST", path) + type.strip() + "\r\n", body.strip()));
    }

    /** What a rule reads must be what the service reads, and what is not known may be what the rule forbids. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "/vip   | Content-Type: application/json   | {\"from\":\"b\"}           | policy_denied",
                "/vip   | Content-Type: application/json   | {}                         | policy_denied",
                "/plain | Content-Type: application/json   | {\"from\":\"vip\"}         | policy_denied",
                "/plain | Content-Type: application/json   | {\"from\":[\"b\",\"vip\"]}   | policy_denied",
                "/plain | Content-Type: application/json   | {\"from\":null}            | policy_unavailable",
                "/plain | Content-Type: application/json   | {}                         | policy_unavailable",
                "/plain | Content-Type: text/plain         | {\"from\":\"vip\"}         | request_malformed",
                "/plain | Content-Type: text/json          | {\"from\":\"vip\"}         | request_malformed",
                "/plain | X-Nothing: said                  | {\"from\":\"vip\"}         | request_malformed",
                "/plain | Content-Type: application/json   | {\"from\":\"b\",\"amount\":[1,2]} | request_malformed",
                "/plain | Content-Type: application/json   | {\"from\":\"b\",\"amount\":{}}    | request_malformed",
                "/plain | Content-Type: application/json   | {\"from\":\"b\",\"amount\":7}     | policy_denied"
            })
    void aForbidIsNotPassedByWhatItCannotSee(String path, String type, String body, String reason) throws Exception {
        try (World forbidding = forbidding()) {
            Wire.Answer refused = move(forbidding, path, type, body);
            assertThat(refused.json().get("reason")).as(refused.body()).isEqualTo(reason);
            assertThat(forbidding.upstream.received()).isEmpty();
            assertThat(move(forbidding, "/plain", "Content-Type: application/json", "{\"from\":\"b\"}")
                            .status())
                    .isEqualTo(200);
            assertThat(forbidding
                            .records(AuditRecord.Intent.class)
                            .getFirst()
                            .call()
                            .resources())
                    .containsExactly("c/plain", "c/b");
        }
    }

    /** Put together with what stands before it, it would be itself. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "/etc/passwd",
                "file:///etc/passwd",
                "FILE:/etc/passwd",
                "https://elsewhere.example/",
                "C:/x",
                "..;/x",
                "a/..;v=1/x"
            })
    void refusesAnAbsoluteValueBelowAPrefix(String from) throws Exception {
        try (World moving = new World(HttpServiceTest::moving)) {
            moving.upstream.answersJson("{}");
            Wire.Answer answer = move(moving, "/a", "Content-Type: application/json", "{\"from\":\"" + from + "\"}");
            assertThat(answer.json().get("reason")).isEqualTo("request_malformed");
            assertThat(move(moving, "/a", "Content-Type: application/json", "{\"from\":\"corp:alice;x/y\"}")
                            .status())
                    .isEqualTo(200);
        }
    }

    @Test
    void recordsWhatIsKnownOfTheResourcesAlthoughNotAll() throws Exception {
        try (World plain = new World(HttpServiceTest::moving)) {
            plain.upstream.answersJson("{}");
            assertThat(move(plain, "/vip", "Content-Type: application/json", "{}")
                            .status())
                    .isEqualTo(200);
            assertThat(plain.records(AuditRecord.Intent.class).getFirst().call().resources())
                    .containsExactly("c/vip");
            Delegation narrow = Delegations.of(
                    plain.delegation(),
                    World.task(Scope.of(Permission.of("tickets", List.of("move"), List.of("c/*"), Map.of()))));
            Wire.Answer refused = plain.post(narrow, "/http/tickets/c/vip", "{}");
            assertThat(refused.json().get("reason")).isEqualTo("scope_exceeded");
        }
    }

    private static World forbidding() throws Exception {
        World world = new World(
                HttpServiceTest::moving,
                new PolicySource(
                        List.of(
                                forbid("no-vip", "'c/vip' in resources"),
                                forbid("no-amount", "has(attributes.amount)")),
                        List.of(),
                        Set.of(),
                        true,
                        WithinDelegation.DEFAULT_MAX_ACTORS));
        world.upstream.answersJson("{}");
        return world;
    }

    private static Rule forbid(String id, String when) {
        return Rule.of(id, Rule.Effect.FORBID, Set.of("tickets"), Set.of(), when);
    }

    private static Wire.Answer move(World world, String path, String type, String body) throws Exception {
        Delegation mover =
                Delegations.of(world.delegation(), World.task(Scope.of(Permission.of("tickets", List.of("move")))));
        String where = "/http/tickets/c" + path;
        return world.send(
                world.request("POST", where, world.credentials(mover, "POST", where) + type.strip() + "\r\n", body));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "Content-Type: application/x-www-form-urlencoded | From=vip",
                "Content-Type: application/x-www-form-urlencoded | a=b&from[]=vip",
                "X-Nothing: said | from=vip",
                "Content-Type: application/json | {\"from\":\"vip\"}"
            })
    void refusesABodyThatHasAgainWhatItsQueryDecides(String type, String body) throws Exception {
        try (World asking = new World(HttpServiceTest::moving)) {
            asking.upstream.answersJson("{}");
            assertThat(move(asking, "?from=b", type, body).json().get("reason")).isEqualTo("request_malformed");
            assertThat(move(asking, "?from=b", type, body.replace("rom", "or")).status())
                    .isEqualTo(200);
            assertThat(asking.records(AuditRecord.Intent.class)
                            .getFirst()
                            .call()
                            .resources())
                    .containsExactly("c/b");
        }
    }

    private static Route moving(Route route) {
        return route.kind() instanceof Route.Http
                ? Route.of(
                        route.name(),
                        new Route.Http(List.of(
                                new Route.Operation(
                                        "POST",
                                        "/c",
                                        "move",
                                        List.of(new Route.Resource("c/", new Route.Value.QueryPart("from"))),
                                        Map.of()),
                                new Route.Operation(
                                        "POST",
                                        "/c/{id}",
                                        "move",
                                        List.of(
                                                new Route.Resource("c/", new Route.Value.PathPart("id")),
                                                new Route.Resource("c/", new Route.Value.Pointer("/from"))),
                                        Map.of("amount", new Route.Value.Pointer("/amount"))))),
                        route.service(),
                        route.upstream(),
                        new Route.Credential.None())
                : route;
    }

    @Test
    void knowsNoOperationButThoseConfigured() throws Exception {
        assertThat(world.get(delegation, "/http/tickets/customers/1").status()).isEqualTo(404);
        assertThat(world.get(delegation, "/http/tickets/tickets/1/notes").status())
                .isEqualTo(404);
        assertThat(world.upstream.received()).isEmpty();
    }

    @Test
    void readsTheJsonThatTheServiceWillRead() throws Exception {
        Delegation writer = Delegations.of(
                delegation,
                World.task(Scope.of(Permission.of("tickets", List.of("note"), List.of("tickets/*"), Map.of()))));
        assertThat(world.post(writer, "/http/tickets/tickets/1/notes", "{\"text\":\"a\",\"text\":\"b\"}")
                        .status())
                .isEqualTo(400);
        assertThat(world.post(writer, "/http/tickets/tickets/1/notes", "{\"text\":\"a\"}")
                        .status())
                .isEqualTo(200);
        assertThat(world.upstream.received()).hasSize(1);
    }

    /** It may be a password, and a plain hash of one can be tried out by whoever reads the ledger. */
    @Test
    void keepsTheCallersOwnCredentialAsAKeyedHash() throws Exception {
        try (World own = new World(route -> route.kind() instanceof Route.Http
                ? Route.of(route.name(), route.kind(), route.service(), route.upstream(), new Route.Credential.Caller())
                : route)) {
            own.upstream.answersJson("{}");
            Delegation reader = own.delegation();
            String path = "/http/tickets/tickets/4711";
            String token = own.token(reader);
            own.send(own.request(
                    "GET",
                    path,
                    "X-Behalf-Delegation: " + token + "\r\nDPoP: " + own.proof(token, "GET", path)
                            + "\r\nAuthorization: Basic dXNlcjpwYXNz\r\n",
                    ""));
            assertThat(own.upstream.received().getFirst().headers().get("authorization"))
                    .isEqualTo("Basic dXNlcjpwYXNz");
            assertThat(own.records(AuditRecord.Intent.class).getFirst().call().resources())
                    .containsExactly("tickets/4711", "credential-mac:" + new Macs(World.MAC_KEY).of("dXNlcjpwYXNz"));
        }
    }

    @Test
    void keepsResourcesOfARegulatedServiceAsKeyedHashes() throws Exception {
        try (World regulated = new World(route -> route.withRegulated(true))) {
            regulated.upstream.answersJson("{}");
            regulated.get(regulated.delegation(), "/http/tickets/tickets/4711");
            assertThat(regulated
                            .records(AuditRecord.Intent.class)
                            .getFirst()
                            .call()
                            .resources())
                    .containsExactly(new Macs(World.MAC_KEY).of("tickets/4711"));
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {301, 302, 307, 401, 407})
    void sendsNobodyOnAndShowsNobodyItsOwnTrouble(int status) throws Exception {
        world.upstream.answers((_, response) -> response.setStatusCode(status)
                .putHeader("location", "http://169.254.169.254/")
                .putHeader("www-authenticate", "Basic")
                .end("inner"));
        Wire.Answer answer = world.get(delegation, "/http/tickets/tickets/1");

        assertThat(answer.status()).isEqualTo(502);
        assertThat(answer.json().get("reason")).isEqualTo("upstream_unavailable");
        assertThat(answer.header("location")).isEmpty();
        assertThat(answer.header("www-authenticate")).isEmpty();
        assertThat(answer.body()).doesNotContain("inner");
        assertThat(world.outcome().outcome().status()).isEqualTo(status);
        assertThat(world.outcome().outcome().reason()).contains("upstream_unavailable");
    }

    @Test
    void passesAnswersOfAnySizeAndFraming() throws Exception {
        String large = "0123456789".repeat(300_000);
        world.upstream.answers((_, response) -> response.end(large));
        assertThat(world.get(delegation, "/http/tickets/tickets/1").body()).isEqualTo(large);
        world.upstream.answers((_, response) -> response.setChunked(true).end(large));
        assertThat(world.get(delegation, "/http/tickets/tickets/1").body()).isEqualTo(large);
        world.upstream.answers((_, response) -> response.setStatusCode(204).end());
        assertThat(world.get(delegation, "/http/tickets/tickets/1").status()).isEqualTo(204);
        assertThat(world.records(AuditRecord.Outcome.class))
                .extracting(record -> record.outcome().bytes())
                .containsExactly(3_000_000L, 3_000_000L, 0L);
    }

    @Test
    void breaksTheConnectionOfAnAnswerThatBrokeOff() throws Exception {
        world.upstream.answers((_, response) -> {
            response.setChunked(true).write(Buffer.buffer("half"));
            world.vertx.setTimer(50, _ -> response.reset());
        });
        Wire.Answer answer = world.get(delegation, "/http/tickets/tickets/1");

        assertThat(answer.cut()).isTrue();
        assertThat(answer.body()).isEqualTo("half");
        assertThat(world.outcome().outcome().end()).isEqualTo(End.CUT_BY_UPSTREAM);
        assertThat(world.outcome().outcome().bytes()).isEqualTo(4);
    }

    private Wire.Answer get(String path, String headers) throws Exception {
        String whole = "/http/tickets" + path;
        return world.send(world.request("GET", whole, world.credentials(delegation, "GET", whole) + headers, ""));
    }
}
