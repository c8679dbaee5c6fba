package io.behalf.authority;

import java.io.IOException;
import java.net.URI;
import java.net.URLDecoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What a person's browser does: keeps cookies, follows redirects on this machine, fills in forms. */
final class Browser {
    private static final Pattern HIDDEN = Pattern.compile("type=\"hidden\" name=\"([^\"]+)\" value=\"([^\"]*)\"");
    private static final Pattern ACTION = Pattern.compile("<form method=\"post\" action=\"([^\"]+)\"");
    private static final int MOST_REDIRECTS = 12;

    private final HttpClient http = HttpClient.newBuilder()
            .followRedirects(HttpClient.Redirect.NEVER)
            .connectTimeout(Duration.ofSeconds(5))
            .build();
    private final Map<String, String> cookies = new LinkedHashMap<>();
    private final String base;
    private final List<String> visited = new ArrayList<>();
    private String address = "";
    private Optional<HttpResponse<String>> page = Optional.empty();

    /** @param base of the world: addresses elsewhere are where the browser leaves it */
    Browser(String base) {
        this.base = base;
    }

    Browser open(String start) {
        go(HttpRequest.newBuilder(URI.create(start)).GET());
        return this;
    }

    /** Sends the page's form with its hidden fields and these. */
    Browser submit(String... fields) {
        StringBuilder form = new StringBuilder();
        Matcher hidden = HIDDEN.matcher(html());
        while (hidden.find()) {
            append(form, hidden.group(1), hidden.group(2));
        }
        for (int i = 0; i < fields.length; i += 2) {
            append(form, fields[i], fields[i + 1]);
        }
        Matcher action = ACTION.matcher(html());
        if (!action.find()) {
            throw new AssertionError("no form on " + address + ": " + html());
        }
        return post(action.group(1), form.toString());
    }

    Browser post(String to, String form) {
        go(HttpRequest.newBuilder(URI.create(to))
                .header("Content-Type", "application/x-www-form-urlencoded")
                .POST(HttpRequest.BodyPublishers.ofString(form)));
        return this;
    }

    Browser signIn(World world, String user) {
        String password =
                Optional.ofNullable(world.provider.passwords().get(user)).orElseThrow();
        return submit("user", user, "password", password);
    }

    void forgetCookies() {
        cookies.clear();
    }

    int status() {
        return page.orElseThrow().statusCode();
    }

    String html() {
        return page.orElseThrow().body();
    }

    String header(String name) {
        return page.orElseThrow().headers().firstValue(name).orElse("");
    }

    /** Where it stands: an address that it could open, or one elsewhere that it was sent to. */
    String address() {
        return address;
    }

    /** All addresses it came through. */
    List<String> visited() {
        return visited;
    }

    Map<String, String> query() {
        return query(address);
    }

    static Map<String, String> query(String address) {
        Map<String, String> out = new LinkedHashMap<>();
        int mark = address.indexOf('?');
        for (String pair :
                mark < 0 ? new String[0] : address.substring(mark + 1).split("&", -1)) {
            String[] parts = pair.split("=", 2);
            out.put(
                    URLDecoder.decode(parts[0], StandardCharsets.UTF_8),
                    URLDecoder.decode(parts[1], StandardCharsets.UTF_8));
        }
        return out;
    }

    private void go(HttpRequest.Builder first) {
        HttpRequest.Builder next = first;
        for (int i = 0; i < MOST_REDIRECTS; i++) {
            StringBuilder sent = new StringBuilder();
            cookies.forEach((name, value) -> sent.append(sent.isEmpty() ? "" : "; ")
                    .append(name)
                    .append('=')
                    .append(value));
            if (!sent.isEmpty()) {
                next.header("Cookie", sent.toString());
            }
            HttpRequest request = next.timeout(Duration.ofSeconds(20)).build();
            address = request.uri().toString();
            visited.add(address);
            HttpResponse<String> answer = send(request);
            page = Optional.of(answer);
            answer.headers().allValues("Set-Cookie").forEach(this::keep);
            if (answer.statusCode() != 303) {
                return;
            }
            String to = answer.headers().firstValue("Location").orElseThrow();
            if (!to.startsWith(base)) {
                address = to;
                return;
            }
            next = HttpRequest.newBuilder(URI.create(to)).GET();
        }
        throw new AssertionError("redirected without end");
    }

    private HttpResponse<String> send(HttpRequest request) {
        try {
            return http.send(request, HttpResponse.BodyHandlers.ofString());
        } catch (IOException e) {
            throw new AssertionError("no answer from " + request.uri(), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError(e);
        }
    }

    private void keep(String setCookie) {
        String pair = setCookie.substring(0, setCookie.indexOf(';'));
        cookies.put(pair.substring(0, pair.indexOf('=')), pair.substring(pair.indexOf('=') + 1));
    }

    private static void append(StringBuilder form, String name, String value) {
        form.append(form.isEmpty() ? "" : "&")
                .append(DevelopmentProvider.encode(name))
                .append('=')
                .append(DevelopmentProvider.encode(value));
    }
}
