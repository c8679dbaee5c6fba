package io.behalf.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** A person in a browser, at the provider, on the way to an application on any loopback port. */
@Tag("browser")
@Tag("keycloak")
@ExtendWith(RealParts.class)
class ChromiumTest {
    @Test
    void comesBackFromTheLoginWithACode(Chromium chromium, Keycloak keycloak) throws IOException {
        var realm = keycloak.realm("http://127.0.0.1:9999");
        var application = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        application.createContext("/callback", exchange -> {
            var page = "<title>back</title>".getBytes(StandardCharsets.UTF_8);
            exchange.sendResponseHeaders(200, page.length);
            exchange.getResponseBody().write(page);
            exchange.close();
        });
        application.start();
        var callback = "http://127.0.0.1:" + application.getAddress().getPort() + "/callback";
        try {
            var page = chromium.newPerson();
            page.navigate(realm.issuer() + "/protocol/openid-connect/auth?response_type=code&scope=openid&state=s1"
                    + "&client_id=" + Keycloak.Realm.APPLICATION + "&redirect_uri=" + callback);
            page.fill("#username", "alice");
            page.fill("#password", Keycloak.Realm.passwordOf("alice"));
            page.click("#kc-login");
            page.waitForURL(url -> url.startsWith(callback));

            assertThat(page.title()).isEqualTo("back");
            assertThat(page.url()).contains("code=").contains("state=s1");
        } finally {
            application.stop(0);
        }
    }
}
