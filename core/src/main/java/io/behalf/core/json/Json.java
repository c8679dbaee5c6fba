package io.behalf.core.json;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonFactoryBuilder;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import java.io.IOException;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Reads and writes JSON where its bytes are evidence or decide: duplicate member names, trailing content, excessive
 * depth and lone surrogates are errors, because two parsers that read one text differently are an attacker's way
 * between check and use.
 *
 * <p>Values are {@code Map<String, Object>} (in the order read), {@code List<Object>}, {@code String}, {@code Long},
 * {@code BigInteger}, {@code BigDecimal}, {@code Boolean} and {@code null}. Thread-safe.
 */
public final class Json {
    /** Largest nesting accepted. */
    public static final int MAX_DEPTH = 64;

    /** Of ten, of a number with a fraction or an exponent. IEEE doubles end at 324; beyond, one costs who reckons with it. */
    private static final int MAX_EXPONENT = 400;

    /** Largest document accepted, in bytes; callers bound bodies more tightly themselves. */
    public static final int MAX_BYTES = 64 << 20;

    /**
     * Most values in one document. What is kept of the smallest one takes thirty times its bytes, so a bound on bytes alone
     * would let one document take the heap.
     */
    public static final int MAX_VALUES = 1 << 19;

    /** Integers up to here have one exact form as IEEE double: 2^53. */
    public static final long MAX_EXACT = 1L << 53;

    /** Room in a new object or array: most in foreign documents are small, and there may be many. */
    private static final int FEW_MEMBERS = 4;

    private static final JsonFactory FACTORY = new JsonFactoryBuilder()
            .streamReadConstraints(StreamReadConstraints.builder()
                    .maxNestingDepth(MAX_DEPTH)
                    .maxStringLength(MAX_BYTES)
                    .maxNumberLength(64)
                    .maxNameLength(4096)
                    .build())
            .build();

    private Json() {}

    /** @throws Malformed when the bytes are not exactly one JSON value within the bounds */
    public static @Nullable Object read(byte[] bytes) throws Malformed {
        if (bytes.length > MAX_BYTES) {
            throw new Malformed("document larger than " + MAX_BYTES + " bytes", null);
        }
        int every = 0;
        boolean escapes = false;
        for (byte b : bytes) {
            every |= b;
            escapes |= b == '\\';
        }
        boolean ascii = every >= 0;
        try (JsonParser parser = parser(characters(bytes, ascii))) {
            JsonToken first = parser.nextToken();
            if (first == null) {
                throw new Malformed("empty document", null);
            }
            Object value = new Reading(parser, !ascii || escapes).value(first);
            if (parser.nextToken() != null) {
                throw new Malformed("content after the value", null);
            }
            return value;
        } catch (IOException e) {
            // Jackson's message would quote the input, which may be a prompt or a secret
            throw new Malformed("not well-formed JSON (syntax or bound exceeded)", e);
        }
    }

    /**
     * RFC 8259 §8.1: UTF-8 and no byte order mark. Left to itself, the parser would guess UTF-16 or UTF-32 from the first
     * bytes, and take overlong forms for the characters they hide.
     */
    private static CharBuffer characters(byte[] bytes, boolean ascii) throws CharacterCodingException {
        ByteBuffer text = ByteBuffer.wrap(bytes);
        if (ascii) {
            return StandardCharsets.ISO_8859_1.decode(text); // the same, and much faster
        }
        return StandardCharsets.UTF_8
                .newDecoder()
                .onMalformedInput(CodingErrorAction.REPORT)
                .onUnmappableCharacter(CodingErrorAction.REPORT)
                .decode(text);
    }

    private static JsonParser parser(CharBuffer text) throws IOException {
        return FACTORY.createParser(text.array(), text.arrayOffset() + text.position(), text.remaining());
    }

    /** @throws Malformed when the bytes are not exactly one JSON object within the bounds */
    public static Map<String, @Nullable Object> readObject(byte[] bytes) throws Malformed {
        if (read(bytes) instanceof Map<?, ?> map) {
            @SuppressWarnings("unchecked")
            Map<String, @Nullable Object> object = (Map<String, @Nullable Object>) map;
            return object;
        }
        throw new Malformed("not a JSON object", null);
    }

    /**
     * RFC 8785 bytes of a value made of the types named above, plus {@code Integer}. Fractions are refused: records and
     * hashed texts hold none, and their shortest form is where implementations differ.
     */
    public static byte[] canonical(@Nullable Object value) {
        CanonicalWriter out = new CanonicalWriter();
        write(out, value);
        return out.toByteArray();
    }

    /** Appends the RFC 8785 form of {@code value}; members are sorted here. */
    public static void write(CanonicalWriter out, @Nullable Object value) {
        if (value == null) {
            out.nullValue();
        } else if (value instanceof String s) {
            out.string(s);
        } else if (value instanceof Long n) {
            out.number(n);
        } else if (value instanceof Integer n) {
            out.number(n);
        } else if (value instanceof Boolean b) {
            out.bool(b);
        } else if (value instanceof Map<?, ?> map) {
            List<String> names = new ArrayList<>(map.size());
            for (Object name : map.keySet()) {
                names.add((String) name);
            }
            Collections.sort(names);
            out.beginObject();
            for (String name : names) {
                out.key(name);
                write(out, map.get(name));
            }
            out.endObject();
        } else if (value instanceof List<?> list) {
            out.beginArray();
            for (Object item : list) {
                write(out, item);
            }
            out.endArray();
        } else {
            throw new IllegalArgumentException(
                    "no canonical form for a " + value.getClass().getSimpleName());
        }
    }

    /** One document, and how much of it has been kept. */
    private static final class Reading {
        private final JsonParser parser;
        private final boolean maySurrogates;
        private int values;

        /** @param maySurrogates false where no string can hold one: all is ASCII, and nothing is escaped */
        Reading(JsonParser parser, boolean maySurrogates) {
            this.parser = parser;
            this.maySurrogates = maySurrogates;
        }

        @Nullable
        Object value(JsonToken token) throws IOException, Malformed {
            values++;
            if (values > MAX_VALUES) {
                throw new Malformed("more than " + MAX_VALUES + " values", null);
            }
            return switch (token) {
                case START_OBJECT -> object();
                case START_ARRAY -> array();
                case VALUE_STRING -> maySurrogates ? wellFormed(parser.getText()) : parser.getText();
                case VALUE_NUMBER_INT -> integer(parser);
                case VALUE_NUMBER_FLOAT -> decimal(parser);
                case VALUE_TRUE -> true;
                case VALUE_FALSE -> false;
                case VALUE_NULL -> null;
                default -> throw new Malformed("unexpected token", null);
            };
        }

        private Map<String, @Nullable Object> object() throws IOException, Malformed {
            Map<String, @Nullable Object> members = new LinkedHashMap<>(FEW_MEMBERS);
            for (int read = 1; next() != JsonToken.END_OBJECT; read++) {
                String name = maySurrogates ? wellFormed(parser.currentName()) : parser.currentName();
                members.put(name, value(next()));
                if (members.size() < read) {
                    throw new Malformed("duplicate member", null);
                }
            }
            return members;
        }

        private List<@Nullable Object> array() throws IOException, Malformed {
            List<@Nullable Object> items = new ArrayList<>(FEW_MEMBERS);
            for (JsonToken t = next(); t != JsonToken.END_ARRAY; t = next()) {
                items.add(value(t));
            }
            return items;
        }

        private JsonToken next() throws IOException, Malformed {
            JsonToken token = parser.nextToken();
            if (token == null) {
                throw new Malformed("document ends too early", null);
            }
            return token;
        }
    }

    private static Object integer(JsonParser parser) throws IOException {
        Number n = parser.getNumberValue();
        return n instanceof BigInteger big ? big : (Object) n.longValue();
    }

    private static BigDecimal decimal(JsonParser parser) throws IOException, Malformed {
        BigDecimal n;
        try {
            n = parser.getDecimalValue();
        } catch (ArithmeticException | NumberFormatException e) { // of exponents that are no int
            throw new Malformed("a number beyond all bounds", null);
        }
        if (Math.abs((long) n.scale()) > MAX_EXPONENT) {
            throw new Malformed("a number beyond all bounds", null);
        }
        return n;
    }

    private static String wellFormed(String text) throws Malformed {
        for (int i = 0; i < text.length(); i++) {
            if (Character.isSurrogate(text.charAt(i))) {
                if (i + 1 >= text.length() || !Character.isSurrogatePair(text.charAt(i), text.charAt(i + 1))) {
                    throw new Malformed("lone surrogate in a string", null);
                }
                i++;
            }
        }
        return text;
    }

    /** Foreign bytes that are not what they should be. The message never quotes them. */
    public static final class Malformed extends Exception {
        private static final long serialVersionUID = 1;

        public Malformed(String message, @Nullable Throwable cause) {
            super(message, cause);
        }
    }
}
