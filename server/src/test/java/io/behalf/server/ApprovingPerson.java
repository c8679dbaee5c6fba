package io.behalf.server;

import java.io.IOException;
import java.net.CookieManager;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** A person at a browser: opens the page that a run names, signs in, and says yes or no. */
final class ApprovingPerson {
    private static final Pattern HIDDEN = Pattern.compile("type=\"hidden\" name=\"([^\"]+)\" value=\"([^\"]*)\"");
    private static final Pattern ACTION = Pattern.compile("<form method=\"post\" action=\"([^\"]+)\"");
    private static final Pattern BOX = Pattern.compile("name=\"permission\" value=\"([0-9]+)\"");
    private static final Duration PATIENCE = Duration.ofSeconds(20);

    private final HttpClient http = HttpClient.newBuilder()
            .cookieHandler(new CookieManager())
            .followRedirects(HttpClient.Redirect.NORMAL)
            .build();
    private final String name;
    private final String password;

    ApprovingPerson(String name, String password) {
        this.name = name;
        this.password = password;
    }

    /** @return what the browser shows at the end */
    String approve(URI page) {
        String choice = signIn(page);
        String form = BOX.matcher(choice)
                .results()
                .map(box -> "&permission=" + box.group(1))
                .reduce("", String::concat);
        String after = submit(choice, form);
        return after.contains("name=\"password\"") ? submit(after, credentials()) : after; // a high risk asks again
    }

    String refuse(URI page) {
        return submit(signIn(page), "&decision=refuse");
    }

    private String signIn(URI page) {
        return submit(send(HttpRequest.newBuilder(page)), credentials());
    }

    private String credentials() {
        return "&user=" + encode(name) + "&password=" + encode(password);
    }

    private String submit(String html, String more) {
        Matcher action = ACTION.matcher(html);
        if (!action.find()) {
            throw new AssertionError("no form: " + html);
        }
        String hidden = HIDDEN.matcher(html)
                .results()
                .flatMap(field -> Stream.of(encode(field.group(1)) + "=" + encode(field.group(2))))
                .reduce((a, b) -> a + "&" + b)
                .orElse("");
        return send(HttpRequest.newBuilder(URI.create(action.group(1)))
                .header("Content-Type", "application/x-www-form-urlencoded")
                .POST(HttpRequest.BodyPublishers.ofString(hidden + more)));
    }

    private String send(HttpRequest.Builder request) {
        try {
            return http.send(request.timeout(PATIENCE).build(), HttpResponse.BodyHandlers.ofString())
                    .body();
        } catch (IOException e) {
            throw new AssertionError(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError(e);
        }
    }

    private static String encode(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8);
    }
}
