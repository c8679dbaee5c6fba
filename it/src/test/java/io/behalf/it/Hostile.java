package io.behalf.it;

import java.io.IOException;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.stream.Collectors;

/**
 * Requests that are wrong in every place where a secret could stand, each with a secret of its own there: what is
 * malformed, mistyped or refused is logged more readily than what is well.
 */
final class Hostile {
    private static final String EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange";
    private static final String FORM = "application/x-www-form-urlencoded";
    private static final String JSON = "application/json";
    private static final int ANSWERS_WITHIN_MILLIS = 5_000;

    private final HandMadeAgent agent;
    private final Leaks leaks;
    private final List<HttpResponse<String>> answers = new ArrayList<>();
    private final StringBuilder raw = new StringBuilder();

    private Hostile(HandMadeAgent agent, Leaks leaks) {
        this.agent = agent;
        this.leaks = leaks;
    }

    /** Of somebody with a good delegation. */
    static String callsWith(HandMadeAgent agent, Leaks leaks) {
        var hostile = new Hostile(agent, leaks);
        hostile.calls();
        return hostile.told();
    }

    /** Of somebody who knows an agent's id at most. */
    static String requestsOf(HandMadeAgent agent, Leaks leaks) {
        var hostile = new Hostile(agent, leaks);
        hostile.atTheAuthority();
        hostile.inTheBrowser();
        hostile.atTheApi();
        hostile.notEvenHttp();
        return hostile.told();
    }

    /** Each was answered with a no, or it would say nothing. */
    private String told() {
        return answers.stream()
                .map(answer -> {
                    if (answer.statusCode() < 300 && !answer.body().contains("\"active\":false")) {
                        throw new AssertionError(
                                answer.request().uri() + " is answered " + answer.statusCode() + " " + answer.body());
                    }
                    if (answer.statusCode() >= 500) {
                        throw new AssertionError(answer.request().uri() + " is answered " + answer.statusCode());
                    }
                    return answer.headers().map() + "\n" + answer.body() + "\n";
                })
                .collect(Collectors.joining("", "", raw));
    }

    private void calls() {
        var chat = "/llm/openai/v1/chat/completions";
        for (var body : List.of(
                "{\"model\": \"gpt-4o\", \"messages\": [{\"role\": \"user\", \"content\": \"" + word(),
                "{\"model\": \"gpt-4o\", \"model\": \"" + word() + "\", \"messages\": []}",
                "[\"" + word() + "\"]",
                word() + "{}",
                "{\"model\": \"gpt-4o\", \"messages\": \"" + word() + "\"")) {
            answers.add(agent.post(chat, body));
            answers.add(agent.post("/mcp/tools", body));
        }
        answers.add(agent.post("/mcp/tools", """
                {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "echo", "arguments": "%s"}""".formatted(word())));
        answers.add(agent.post("/mcp/tools", """
                [{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "%s"}}]""".formatted(word())));
        answers.add(agent.get("/http/tickets/tickets/%2e%2e%2f" + word()));
        answers.add(agent.get("/http/tickets/" + word()));
        answers.add(agent.get("/http/" + word() + "/tickets"));
        answers.add(agent.get("/http/tickets/tickets/t-103?access_token=" + agent.token()));
        for (var header :
                List.of("X-Behalf-Delegation", "x-api-key", "api-key", "x-goog-api-key", "Cookie", "Baggage")) {
            answers.add(agent.send(agent.request("GET", "/http/tickets/tickets", agent.token())
                    .header(header, word())
                    .GET()));
        }
        for (var scheme : List.of("Bearer ", "DPoP ", "Basic ", "Token ")) {
            answers.add(agent.send(at("/http/tickets/tickets/t-103")
                    .header("Authorization", scheme + word())
                    .header("DPoP", word())
                    .GET()));
        }
        // with its own token in the wrong places
        answers.add(agent.post(chat, "{\"key\": \"" + agent.token() + "\""));
        answers.add(agent.send(at("/http/tickets/tickets/t-103")
                .header("Authorization", "Bearer " + agent.token())
                .GET()));
        answers.add(agent.send(at("/http/" + agent.token()).GET()));
    }

    private void atTheAuthority() {
        for (var field :
                List.of("subject_token", "actor_token", "authorization_details", "scope", "resource", "audience")) {
            var form = new HashMap<>(Map.of(
                    "grant_type", EXCHANGE,
                    "subject_token_type", "urn:ietf:params:oauth:token-type:access_token",
                    "subject_token", "none"));
            form.put(field, field.equals("authorization_details") ? "[{\"type\": \"" + word() : word());
            answers.add(agent.post("/oauth/token", form));
        }
        for (var type : List.of("access_token", "id_token", "refresh_token")) {
            answers.add(agent.post(
                    "/oauth/token",
                    Map.of(
                            "grant_type", EXCHANGE,
                            "subject_token_type", "urn:ietf:params:oauth:token-type:" + type,
                            "subject_token", word() + "." + word() + "." + word())));
        }
        answers.add(agent.post("/oauth/token", Map.of("grant_type", word())));
        answers.add(agent.post("/oauth/token", Map.of("grant_type", "refresh_token", "refresh_token", word())));
        answers.add(agent.post(
                "/oauth/token",
                Map.of(
                        "grant_type",
                        "authorization_code",
                        "code",
                        word(),
                        "code_verifier",
                        word(),
                        "redirect_uri",
                        "::" + word())));
        answers.add(agent.post("/oauth/introspect", Map.of("token", word())));
        answers.add(agent.post(
                "/oauth/par",
                Map.of(
                        "response_type",
                        "code",
                        "state",
                        word(),
                        "redirect_uri",
                        "http://[" + word(),
                        "login_hint",
                        word())));
        answers.add(
                agent.post("/oauth/backchannel-logout", Map.of("logout_token", word() + "." + word() + "." + word())));
        // credentials that are none
        form("/oauth/token", "grant_type=client_credentials&client_id=ticket-agent&client_secret=" + word());
        form("/oauth/token", "grant_type=client_credentials&client_secret=" + word() + "&client_secret=" + word());
        form("/oauth/token", "grant_type=client_credentials&client_id=" + word() + "%zz");
        form(
                "/oauth/token",
                "client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer&client_id="
                        + "ticket-agent&grant_type=client_credentials&client_assertion=" + word() + "." + word() + "."
                        + word());
        form("/oauth/token?client_secret=" + word(), "grant_type=client_credentials");
        for (var pair : List.of("ticket-agent:" + word(), word(), word() + ":%zz" + word())) {
            var basic = Base64.getEncoder().encodeToString(pair.getBytes(StandardCharsets.UTF_8));
            answers.add(agent.send(at("/oauth/token")
                    .header("Authorization", "Basic " + basic)
                    .header("Content-Type", FORM)
                    .POST(BodyPublishers.ofString("grant_type=client_credentials"))));
        }
        answers.add(agent.send(at("/oauth/token")
                .header("Authorization", "Basic " + word())
                .header("DPoP", word() + "." + word() + "." + word())
                .header("Content-Type", FORM)
                .POST(BodyPublishers.ofString("grant_type=client_credentials"))));
        answers.add(agent.send(at("/oauth/token")
                .header("Content-Type", JSON)
                .POST(BodyPublishers.ofString("{\"client_secret\": \"" + word() + "\""))));
    }

    private void form(String path, String body) {
        answers.add(agent.send(at(path).header("Content-Type", FORM).POST(BodyPublishers.ofString(body))));
    }

    private void inTheBrowser() {
        for (var path : List.of(
                "/oauth/authorize?client_id=ticket-agent&request_uri=urn:ietf:params:oauth:request_uri:",
                "/oauth/authorize?request_uri=",
                "/oauth/callback?code=x&state=",
                "/oauth/callback?state=x&code=",
                "/oauth/callback?error=",
                "/oauth/approve?request=",
                "/nothing/here/")) {
            answers.add(agent.send(at(path + word())
                    .header("Cookie", "behalf-approval=" + word())
                    .GET()));
        }
    }

    private void atTheApi() {
        answers.add(agent.send(
                at("/api/v1/tasks").header("Authorization", "Bearer " + word()).GET()));
        answers.add(agent.send(at("/api/v1/search?token=" + word()).GET()));
        for (var path : List.of("/api/v1/revoke", "/api/v1/downstream")) {
            for (var body : List.of("{\"task\": \"" + word(), "{\"v\": 1, \"id\": \"" + word() + "\"}", word())) {
                answers.add(agent.send(at(path).header("Content-Type", JSON)
                        .header("Authorization", "Bearer " + word())
                        .POST(BodyPublishers.ofString(body))));
            }
        }
    }

    /** Bytes as they should not be; what the answer is does not matter, if there is one. */
    private void notEvenHttp() {
        var host = "Host: " + agent.base().getAuthority() + "\r\n";
        for (var bytes : List.of(
                word() + "\r\n\r\n",
                "GET / HTTP/1.1\r\nHost: " + word() + ".example\r\n\r\n",
                "GET / HTTP/1.1\r\n" + host + word() + "\r\n\r\n",
                "GET / HTTP/1.1\r\n" + host + "Authorization : Bearer " + word() + "\r\n\r\n",
                "GET / HTTP/1.1\r\n" + host + "Authorization: Bearer " + word() + "\u0001\r\n\r\n",
                "GET /" + word() + "\u0000 HTTP/9.9\r\n" + host + "\r\n",
                "GET /%zz" + word() + " HTTP/1.1\r\n" + host + "\r\n",
                "POST /oauth/token HTTP/1.1\r\n" + host + "Content-Length: " + word() + "\r\n\r\n",
                "POST /oauth/token HTTP/1.1\r\n" + host + "Content-Length: 5\r\nContent-Length: 6\r\n\r\n" + word(),
                "POST /oauth/token HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n" + word() + "\r\n",
                "POST /oauth/token HTTP/1.1\r\n" + host + "Transfer-Encoding: " + word() + "\r\n\r\n",
                "GET / HTTP/1.1\r\n" + host + "Cookie: " + word().repeat(2_000) + "\r\n\r\n")) {
            try (var socket = new Socket(agent.base().getHost(), agent.base().getPort())) {
                socket.setSoTimeout(ANSWERS_WITHIN_MILLIS);
                socket.getOutputStream().write(bytes.getBytes(StandardCharsets.ISO_8859_1));
                socket.shutdownOutput();
                raw.append(new String(socket.getInputStream().readAllBytes(), StandardCharsets.ISO_8859_1));
            } catch (IOException closed) {
                raw.append(closed.getMessage());
            }
        }
    }

    private HttpRequest.Builder at(String path) {
        return HttpRequest.newBuilder(URI.create(agent.base() + path));
    }

    /** A secret of its own for each place. */
    private String word() {
        var word = "hostile" + UUID.randomUUID().toString().replace("-", "");
        leaks.secret("what a hostile request held", word);
        return word;
    }
}
