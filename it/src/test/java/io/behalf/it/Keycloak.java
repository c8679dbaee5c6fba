package io.behalf.it;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
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
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;

/** Keycloak as the corporate identity provider: one server in memory for the whole run, one realm for each test. */
final class Keycloak implements AutoCloseable {
    /** Where {@code .ci/setup} keeps the built server of this version. */
    static final Path HOME = Path.of(System.getProperty("behalf.keycloak.home", "keycloak"));

    private static final Duration STARTS_WITHIN = Duration.ofMinutes(4);
    private static final Duration ANSWERS_WITHIN = Duration.ofSeconds(30);
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String ADMIN = "admin";

    private final HttpClient http = HttpClient.newHttpClient();
    private final AtomicInteger realms = new AtomicInteger();
    private final Program program;
    private final URI base;
    private final Path scratch;
    private final String adminPassword;

    private Keycloak(Program program, URI base, Path scratch, String adminPassword) {
        this.program = program;
        this.base = base;
        this.scratch = scratch;
        this.adminPassword = adminPassword;
    }

    static Keycloak start() {
        var port = Program.freePort();
        var password = UUID.randomUUID().toString();
        try {
            var scratch = Files.createTempDirectory("behalf-keycloak-");
            var program = Program.start(
                    "keycloak",
                    List.of(
                            HOME.resolve("bin/kc.sh").toString(),
                            "start",
                            "--optimized",
                            "--cache=local",
                            "--http-enabled=true",
                            "--hostname-strict=false",
                            "--http-host=127.0.0.1",
                            "--http-port=" + port,
                            "--http-management-host=127.0.0.1",
                            "--http-management-port=" + Program.freePort()),
                    Map.of(
                            "JAVA_HOME",
                            System.getProperty("java.home"),
                            "JAVA_OPTS_KC_HEAP",
                            "-Xms64m -Xmx512m",
                            "JAVA_OPTS_APPEND",
                            "-Djava.io.tmpdir=%1$s -Dquarkus.transaction-manager.object-store.directory=%1$s"
                                    .formatted(scratch),
                            "KC_BOOTSTRAP_ADMIN_USERNAME",
                            ADMIN,
                            "KC_BOOTSTRAP_ADMIN_PASSWORD",
                            password));
            var base = URI.create("http://127.0.0.1:" + port);
            program.untilAnswers(base.resolve("/realms/master"), STARTS_WITHIN);
            return new Keycloak(program, base, scratch, password);
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    /**
     * A fresh realm of the file that the README tells to import, for the authority of this issuer: its users, clients
     * and sessions are the caller's own.
     */
    Realm realm(String authorityIssuer) {
        var name = "corp-" + realms.incrementAndGet();
        try {
            var file = Files.readString(Checkout.file("it/src/test/resources/keycloak/behalf-realm.json"));
            var realm = (ObjectNode) JSON.readTree(file.replace("http://127.0.0.1:8700", authorityIssuer));
            realm.put("realm", name);
            var created = sendAsAdmin(HttpRequest.newBuilder(base.resolve("/admin/realms"))
                    .header("Content-Type", "application/json")
                    .POST(BodyPublishers.ofString(realm.toString())));
            if (created.statusCode() != 201) {
                throw new IllegalStateException("no realm: " + created.statusCode() + " " + created.body());
            }
            return new Realm(base.resolve("/realms/" + name).toString(), this);
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    private HttpResponse<String> sendAsAdmin(HttpRequest.Builder request) {
        return send(request.header("Authorization", "Bearer " + adminToken()));
    }

    private String adminToken() {
        var form = Map.of(
                "grant_type", "password", "client_id", "admin-cli", "username", ADMIN, "password", adminPassword);
        return json(post(base.resolve("/realms/master/protocol/openid-connect/token"), form))
                .path("access_token")
                .asText();
    }

    private HttpResponse<String> post(URI address, Map<String, String> form) {
        return send(HttpRequest.newBuilder(address)
                .header("Content-Type", "application/x-www-form-urlencoded")
                .POST(BodyPublishers.ofString(encoded(form))));
    }

    private HttpResponse<String> send(HttpRequest.Builder request) {
        try {
            return http.send(request.timeout(ANSWERS_WITHIN).build(), BodyHandlers.ofString());
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(stopped);
        }
    }

    private static JsonNode json(HttpResponse<String> response) {
        try {
            return JSON.readTree(response.body());
        } catch (IOException malformed) {
            throw new UncheckedIOException(malformed);
        }
    }

    private static String encoded(Map<String, String> form) {
        return form.entrySet().stream()
                .map(entry -> entry.getKey() + "=" + URLEncoder.encode(entry.getValue(), StandardCharsets.UTF_8))
                .collect(Collectors.joining("&"));
    }

    @Override
    public void close() throws IOException {
        http.close();
        program.close();
        try (var files = Files.walk(scratch)) {
            for (var file : files.sorted((one, other) -> other.compareTo(one)).toList()) {
                Files.deleteIfExists(file);
            }
        }
    }

    /** The people and clients of the realm file. */
    record Realm(String issuer, Keycloak keycloak) {
        static final String AUTHORITY_CLIENT = "behalf-authority";
        static final String AUTHORITY_SECRET = "behalf-authority-secret";
        static final String APPLICATION = "tickets-app";
        static final String APPLICATION_SECRET = "tickets-app-secret";

        static String passwordOf(String user) {
            return user + "-password";
        }

        /** The application logs the user in: an answer of the token endpoint, good or bad. */
        HttpResponse<String> login(String user, String password) {
            var form = new TreeMap<>(Map.of("grant_type", "password", "scope", "openid"));
            form.put("client_id", APPLICATION);
            form.put("client_secret", APPLICATION_SECRET);
            form.put("username", user);
            form.put("password", password);
            return keycloak.post(URI.create(issuer + "/protocol/openid-connect/token"), form);
        }

        /** Tokens of the user for the application: {@code access_token}, {@code id_token}, {@code refresh_token}. */
        JsonNode tokens(String user) {
            var answer = login(user, passwordOf(user));
            if (answer.statusCode() != 200) {
                throw new IllegalStateException("no token: " + answer.statusCode() + " " + answer.body());
            }
            return json(answer);
        }

        /** Ends the session that the tokens came from. */
        void logout(JsonNode tokens) {
            var form = Map.of(
                    "client_id", APPLICATION,
                    "client_secret", APPLICATION_SECRET,
                    "refresh_token", tokens.path("refresh_token").asText());
            var answer = keycloak.post(URI.create(issuer + "/protocol/openid-connect/logout"), form);
            if (answer.statusCode() != 204) {
                throw new IllegalStateException("no logout: " + answer.statusCode() + " " + answer.body());
            }
        }

        /** Ends every session of the user, as somebody who signs out everywhere does. */
        void logoutEverywhere(String user) {
            var admin = issuer.replace("/realms/", "/admin/realms/");
            var users =
                    json(keycloak.sendAsAdmin(HttpRequest.newBuilder(URI.create(admin + "/users?username=" + user))));
            var id = users.path(0).path("id").asText();
            var answer = keycloak.sendAsAdmin(HttpRequest.newBuilder(URI.create(admin + "/users/" + id + "/logout"))
                    .POST(BodyPublishers.noBody()));
            if (answer.statusCode() != 204) {
                throw new IllegalStateException("no logout: " + answer.statusCode() + " " + answer.body());
            }
        }

        /** Whether the session that the tokens came from still lives. */
        boolean sessionLives(JsonNode tokens) {
            var form = new TreeMap<>(Map.of("grant_type", "refresh_token"));
            form.put("client_id", APPLICATION);
            form.put("client_secret", APPLICATION_SECRET);
            form.put("refresh_token", tokens.path("refresh_token").asText());
            return keycloak.post(URI.create(issuer + "/protocol/openid-connect/token"), form)
                            .statusCode()
                    == 200;
        }
    }
}
