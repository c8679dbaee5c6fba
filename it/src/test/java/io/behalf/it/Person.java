package io.behalf.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.CookieManager;
import java.net.HttpCookie;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.StringJoiner;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** Somebody who is sent to the approval page: signs in at Keycloak, reads, and approves. */
interface Person extends AutoCloseable {
    /** @return the text of the page that asked */
    String approve(URI address, String user);

    @Override
    void close();

    /** In a browser; where there is none, the same steps by HTTP. */
    static Person ofThisMachine() {
        return Files.exists(Chromium.PROGRAM) ? new InBrowser(Chromium.start()) : new ByHttp();
    }

    record InBrowser(Chromium chromium) implements Person {
        private static final String QUESTION = "h1:has-text('act for you')";
        private static final Pattern BACK_AT_THE_AGENT = Pattern.compile("http://127\\.0\\.0\\.1:\\d+/callback\\?.*");

        @Override
        public String approve(URI address, String user) {
            var page = chromium.newPerson();
            page.navigate(address.toString());
            page.fill("#username", user);
            page.fill("#password", Keycloak.Realm.passwordOf(user));
            page.click("#kc-login");
            page.waitForSelector(QUESTION);
            var asked = page.innerText("main");
            page.click("button[value=approve]");
            page.waitForURL(BACK_AT_THE_AGENT);
            return asked;
        }

        @Override
        public void close() {
            chromium.close();
        }
    }

    /** What a browser would send, without one. */
    final class ByHttp implements Person {
        private static final Duration ANSWERS_WITHIN = Duration.ofSeconds(20);
        private static final Pattern LOGIN = Pattern.compile("<form[^>]* action=\"([^\"]*login-actions[^\"]*)\"");
        private static final Pattern FORM = Pattern.compile("<form method=\"post\" action=\"([^\"]*)\"");
        private static final Pattern FIELD =
                Pattern.compile("<input type=\"(?:hidden|checkbox)\" name=\"([^\"]*)\" value=\"([^\"]*)\"");
        private static final Pattern HIDDEN =
                Pattern.compile("<input type=\"hidden\" name=\"[^\"]*\" value=\"([^\"]*)\"");
        private static final Pattern CREDENTIALS = Pattern.compile("(?:code|state)=([^&]+)");
        private static final Pattern FIRST_END = Pattern.compile("<option value=\"([^\"]*)\"");

        private final LoopbackCookies cookies = new LoopbackCookies();
        private final List<String> secrets = new ArrayList<>();
        private final HttpClient http = HttpClient.newBuilder()
                .cookieHandler(cookies)
                .followRedirects(HttpClient.Redirect.NORMAL)
                .build();

        @Override
        public String approve(URI address, String user) {
            var login = send(HttpRequest.newBuilder(address));
            var question = post(
                    login,
                    found(LOGIN, login),
                    encoded(Map.of("username", user, "password", Keycloak.Realm.passwordOf(user))));
            var choice = new StringJoiner("&");
            FIELD.matcher(question.body())
                    .results()
                    .forEach(field -> choice.add(encoded(Map.of(field.group(1), field.group(2)))));
            HIDDEN.matcher(question.body()).results().forEach(field -> secrets.add(field.group(1)));
            choice.add(encoded(Map.of("end", found(FIRST_END, question))));
            choice.add(encoded(Map.of("decision", "approve")));
            var done = post(question, found(FORM, question), choice.toString());
            assertThat(done.statusCode()).as(done.body()).isEqualTo(200);
            assertThat(done.uri().getPath()).isEqualTo("/callback");
            CREDENTIALS.matcher(done.uri().getQuery()).results().forEach(part -> secrets.add(part.group(1)));
            return question.body().replaceAll("<[^>]+>", " ");
        }

        /** What nobody but this browser and the agent should know: cookies, a page's hidden fields, code and state. */
        List<String> secrets() {
            return Stream.concat(
                            secrets.stream(),
                            cookies.getCookieStore().getCookies().stream().map(HttpCookie::getValue))
                    .toList();
        }

        private HttpResponse<String> post(HttpResponse<String> page, String action, String form) {
            var target = page.uri().resolve(action.replace("&amp;", "&"));
            return send(HttpRequest.newBuilder(target)
                    .header("Content-Type", "application/x-www-form-urlencoded")
                    .header("Origin", "http://" + page.uri().getAuthority())
                    .POST(BodyPublishers.ofString(form)));
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

        private static String found(Pattern pattern, HttpResponse<String> page) {
            var match = pattern.matcher(page.body());
            if (!match.find()) {
                throw new AssertionError("no " + pattern + " in " + page.uri() + ": " + page.body());
            }
            return match.group(1);
        }

        private static String encoded(Map<String, String> form) {
            var pairs = new StringJoiner("&");
            form.forEach((name, value) -> pairs.add(name + "=" + URLEncoder.encode(value, StandardCharsets.UTF_8)));
            return pairs.toString();
        }

        /** Browsers hold this machine for a secure place, and send it cookies that only those get. */
        private static final class LoopbackCookies extends CookieManager {
            private static final Pattern SECURE = Pattern.compile("(?i);\\s*secure(?=;|$)");

            @Override
            public void put(URI from, Map<String, List<String>> headers) throws IOException {
                var cookies = new HashMap<>(headers);
                cookies.replaceAll((name, values) -> values.stream()
                        .map(value -> SECURE.matcher(value).replaceAll(""))
                        .toList());
                super.put(from, cookies);
            }
        }

        @Override
        public void close() {
            http.shutdownNow();
        }
    }
}
