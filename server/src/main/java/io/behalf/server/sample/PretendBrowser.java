package io.behalf.server.sample;

import java.io.IOException;
import java.net.CookieManager;
import java.net.URI;
import java.net.URLDecoder;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;

/**
 * A pretend person at a browser: goes where it is sent, signs in at the development provider, reads the approval page and
 * approves all of it. The pages and what they check are the real ones.
 */
public final class PretendBrowser implements AutoCloseable {
    /** More redirects and forms than any honest sign-in has. */
    private static final int MAX_STEPS = 20;

    private static final Duration ANSWERS_WITHIN = Duration.ofSeconds(20);
    private static final Pattern FORM = Pattern.compile("<form method=\"post\" action=\"([^\"]*)\"");
    private static final Pattern FIELD =
            Pattern.compile("<input type=\"(?:hidden|checkbox)\" name=\"([^\"]*)\" value=\"([^\"]*)\"");
    private static final Pattern FIRST_END = Pattern.compile("<option value=\"([0-9]+)\"");

    private final String user;
    private final String password;
    private final HttpClient http = HttpClient.newBuilder()
            .cookieHandler(new CookieManager())
            .followRedirects(HttpClient.Redirect.NEVER)
            .build();

    public PretendBrowser(String user, String password) {
        this.user = user;
        this.password = password;
    }

    /** The code and the state that come back to the agent. */
    public record Approved(String code, String state) {
        @Override
        public String toString() {
            return "Approved"; // the code is a credential
        }
    }

    /**
     * @param page where the agent sent the person
     * @param backTo the agent's redirect address
     * @throws IOException when a page is not what a person could go on from
     */
    public Approved approve(URI page, URI backTo) throws IOException, InterruptedException {
        HttpRequest next = HttpRequest.newBuilder(page).build();
        for (int step = 0; step < MAX_STEPS; step++) {
            HttpResponse<String> answer = http.send(next, BodyHandlers.ofString());
            if (answer.statusCode() / 100 == 3) {
                URI to = answer.uri()
                        .resolve(answer.headers()
                                .firstValue("Location")
                                .orElseThrow(() -> new IOException("a redirect to nowhere")));
                if (to.toString().startsWith(backTo + "?")) {
                    return new Approved(parameter(to, "code"), parameter(to, "state"));
                }
                next = HttpRequest.newBuilder(to).timeout(ANSWERS_WITHIN).build();
            } else if (answer.statusCode() == 200) {
                next = filledIn(answer);
            } else {
                throw new IOException(answer.uri().getPath() + " answers " + answer.statusCode());
            }
        }
        throw new IOException("the pages send each other on without end");
    }

    private HttpRequest filledIn(HttpResponse<String> page) throws IOException {
        List<String> fields = new ArrayList<>();
        FIELD.matcher(page.body())
                .results()
                .forEach(field -> fields.add(pair(plain(field.group(1)), plain(field.group(2)))));
        if (page.body().contains("name=\"password\"")) {
            fields.add(pair("user", user));
            fields.add(pair("password", password));
        } else {
            fields.add(pair("end", found(FIRST_END, page).group(1)));
            fields.add(pair("decision", "approve"));
        }
        URI action = page.uri().resolve(plain(found(FORM, page).group(1)));
        return HttpRequest.newBuilder(action)
                .timeout(ANSWERS_WITHIN)
                .header("Content-Type", "application/x-www-form-urlencoded")
                .header("Origin", action.getScheme() + "://" + action.getAuthority())
                .POST(BodyPublishers.ofString(String.join("&", fields)))
                .build();
    }

    private static MatchResult found(Pattern pattern, HttpResponse<String> page) throws IOException {
        return pattern.matcher(page.body())
                .results()
                .findFirst()
                .orElseThrow(() -> new IOException(page.uri().getPath() + " has no form to go on with"));
    }

    private static String parameter(URI address, String name) throws IOException {
        for (String pair : address.getRawQuery().split("&", -1)) {
            if (pair.startsWith(name + "=")) {
                return URLDecoder.decode(pair.substring(name.length() + 1), StandardCharsets.UTF_8);
            }
        }
        throw new IOException("the agent is sent back without " + name);
    }

    private static String plain(String html) {
        return html.replace("&#34;", "\"")
                .replace("&lt;", "<")
                .replace("&gt;", ">")
                .replace("&amp;", "&");
    }

    private static String pair(String name, String value) {
        return URLEncoder.encode(name, StandardCharsets.UTF_8) + "=" + URLEncoder.encode(value, StandardCharsets.UTF_8);
    }

    @Override
    public void close() {
        http.close();
    }
}
