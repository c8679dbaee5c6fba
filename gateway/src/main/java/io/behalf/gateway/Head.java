package io.behalf.gateway;

import io.vertx.core.MultiMap;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The head of a request, as codecs see it.
 *
 * @param path below the route's prefix, as sent: without encoded slashes or dots, without {@code .} and {@code ..}
 * @param query as sent, without the question mark; empty if there is none
 */
public record Head(String method, String path, String query, MultiMap headers) {
    /** A parameter of a media type that every reader splits alike (RFC 9110 §5.6.6): quotes only around what needs none. */
    private static final Pattern PARAMETER =
            Pattern.compile("\\s*([A-Za-z0-9._-]+)=(\"?)([A-Za-z0-9!#$%&'*+.^_`|~:/-]+)\\2\\s*");

    public Optional<String> header(String name) {
        return Optional.ofNullable(headers.get(name));
    }

    /** Whether the body claims to be JSON; a body that two readers may take for different things is decided on by none. */
    public boolean saysJson() {
        String media = media();
        return media.equals("application/json") || (media.length() > 5 && media.endsWith("+json"));
    }

    /** Whether the body claims to be a form's fields, or nothing: then some services take it for that. */
    public boolean saysForm() {
        return media().equals("application/x-www-form-urlencoded") || media().isEmpty();
    }

    public boolean saysMultipart() {
        return media().startsWith("multipart/");
    }

    /** Lower case, without its parameters; empty where nothing is said. */
    private String media() {
        @Nullable String type = headers.get(Names.CONTENT_TYPE);
        if (type == null) {
            return "";
        }
        int end = type.indexOf(';');
        return (end < 0 ? type : type.substring(0, end)).strip().toLowerCase(Locale.ROOT);
    }

    /**
     * Whether what is read here as UTF-8 may be read in another way by a service that believes the type's charset, which
     * JSON does not have (RFC 8259 §11): in UTF-7 two characters of a text end it.
     */
    boolean leavesCharsetOpen() {
        @Nullable String type = headers.get(Names.CONTENT_TYPE);
        int end = type == null ? -1 : type.indexOf(';');
        if (type == null || end < 0 || !(saysJson() || saysForm() || saysMultipart())) {
            return false;
        }
        boolean told = false;
        for (String parameter : type.substring(end + 1).split(";", -1)) {
            var read = PARAMETER.matcher(parameter);
            if (!read.matches()) {
                return !parameter.isBlank();
            }
            if (read.group(1).equalsIgnoreCase("charset")) {
                String charset = read.group(3);
                if (told || !(charset.equalsIgnoreCase("utf-8") || charset.equalsIgnoreCase("utf8"))) {
                    return true;
                }
                told = true;
            }
        }
        return false;
    }
}
