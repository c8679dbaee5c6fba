package io.behalf.authority;

import gg.jte.ContentType;
import gg.jte.TemplateEngine;
import gg.jte.TemplateOutput;
import gg.jte.output.StringOutput;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The pages that people see: compiled templates that escape what they are given, with one style among them. */
final class Pages {
    private final TemplateEngine engine = TemplateEngine.createPrecompiled(
            null, ContentType.Html, Pages.class.getClassLoader(), "io.behalf.authority.pages");
    private final String style;
    private final String styleSha256;

    Pages() {
        String css = read("pages.css");
        this.style = "<style>" + css + "</style>";
        this.styleSha256 = Base64.getEncoder().encodeToString(Digests.sha256(css.getBytes(StandardCharsets.UTF_8)));
    }

    Reply show(int status, String page, Map<String, ? extends @Nullable Object> parameters) {
        Map<String, @Nullable Object> all = new LinkedHashMap<>(parameters);
        all.put("style", style);
        TemplateOutput out = new StringOutput();
        engine.render(page + ".jte", all, out);
        return Reply.page(status, out.toString(), styleSha256);
    }

    private static String read(String name) {
        try (InputStream in = Pages.class.getResourceAsStream(name)) {
            if (in == null) {
                throw new IllegalStateException("the build left out " + name);
            }
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
