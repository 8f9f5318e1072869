// Checksums of the wire (CRC-32, as zlib computes it) and of the disk (CRC-32C).
//
// Both run on the processor's own instructions where there are any, and on eight tables of 256
// words ("slicing by eight") elsewhere. All ways give the same result; the tests compare them.

#include "CChecksum.h"

#include <string.h>

static uint32_t crc32_table[8][256];
static uint32_t crc32c_table[8][256];

static void fill(uint32_t table[8][256], uint32_t polynomial) {
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;
        for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (crc & 1 ? polynomial : 0);
        table[0][byte] = crc;
    }
    for (int slice = 1; slice < 8; slice++)
        for (int byte = 0; byte < 256; byte++) {
            uint32_t before = table[slice - 1][byte];
            table[slice][byte] = (before >> 8) ^ table[0][before & 0xff];
        }
}

static uint32_t sliced(uint32_t table[8][256], uint32_t crc, const uint8_t *p, size_t n) {
    while (n >= 8) {
        uint32_t low, high;
        memcpy(&low, p, 4);
        memcpy(&high, p + 4, 4);
        low ^= crc;
        crc = table[7][low & 0xff] ^ table[6][(low >> 8) & 0xff] ^ table[5][(low >> 16) & 0xff]
            ^ table[4][low >> 24] ^ table[3][high & 0xff] ^ table[2][(high >> 8) & 0xff]
            ^ table[1][(high >> 16) & 0xff] ^ table[0][high >> 24];
        p += 8;
        n -= 8;
    }
    while (n--) crc = (crc >> 8) ^ table[0][(crc ^ *p++) & 0xff];
    return crc;
}

#if defined(__x86_64__)
#include <immintrin.h>

static int has_sse42, has_pclmul;

// The instruction takes three cycles, but a new one can begin in each: three lanes that lie one
// behind the other run at once. A lane's remainder is moved over those behind it by multiplying it
// with x^(8 * bytes) mod P; the instruction itself reduces the product.
enum { LANE_SIZES = 3 };
static const size_t lane_bytes[LANE_SIZES] = {4096, 256, 64};
static uint64_t over_one_lane[LANE_SIZES], over_two_lanes[LANE_SIZES];

// x^power mod P of CRC-32C, bit-reflected: the highest bit is x^0.
static uint32_t crc32c_power(size_t power) {
    uint32_t value = 0x80000000u;
    while (power--) value = (value >> 1) ^ (value & 1 ? 0x82F63B78u : 0);
    return value;
}

// The product of two reflected words stands one bit too low, and the instruction multiplies by x^32.
static void prepare_lanes(void) {
    for (int size = 0; size < LANE_SIZES; size++) {
        over_one_lane[size] = crc32c_power(8 * lane_bytes[size] - 33);
        over_two_lanes[size] = crc32c_power(16 * lane_bytes[size] - 33);
    }
}

__attribute__((target("sse4.2,pclmul"))) static uint32_t moved(uint32_t crc, uint64_t factor) {
    __m128i product =
        _mm_clmulepi64_si128(_mm_cvtsi32_si128((int)crc), _mm_cvtsi64_si128((long long)factor), 0);
    return (uint32_t)_mm_crc32_u64(0, (uint64_t)_mm_cvtsi128_si64(product));
}

static inline uint64_t word_at(const uint8_t *p) {
    uint64_t word;
    memcpy(&word, p, 8);
    return word;
}

__attribute__((target("sse4.2,pclmul"))) static uint32_t crc32c_sse42(
    uint32_t crc, const uint8_t *p, size_t n
) {
    for (int size = 0; size < LANE_SIZES; size++) {
        const size_t bytes = lane_bytes[size];
        for (; n >= 3 * bytes; p += 3 * bytes, n -= 3 * bytes) {
            uint64_t first = crc, second = 0, third = 0;
            for (size_t at = 0; at < bytes; at += 8) {
                first = _mm_crc32_u64(first, word_at(p + at));
                second = _mm_crc32_u64(second, word_at(p + bytes + at));
                third = _mm_crc32_u64(third, word_at(p + 2 * bytes + at));
            }
            crc = moved((uint32_t)first, over_two_lanes[size])
                ^ moved((uint32_t)second, over_one_lane[size]) ^ (uint32_t)third;
        }
    }
    uint64_t wide = crc;
    for (; n >= 8; p += 8, n -= 8) wide = _mm_crc32_u64(wide, word_at(p));
    crc = (uint32_t)wide;
    while (n--) crc = _mm_crc32_u8(crc, *p++);
    return crc;
}

// Folds 64 bytes a step with carry-less multiplication. The constants are x^k mod P, bit-reflected,
// for the fold distances 512 and 128 bits; what is left after folding goes through the tables.
__attribute__((target("pclmul,sse4.1"))) static uint32_t crc32_pclmul(
    uint32_t crc, const uint8_t *p, size_t n
) {
    const __m128i by512 = _mm_set_epi64x(0x00000001c6e41596, 0x0000000154442bd4);
    const __m128i by128 = _mm_set_epi64x(0x00000000ccaa009e, 0x00000001751997d0);
    __m128i lane[4];
    for (int i = 0; i < 4; i++) lane[i] = _mm_loadu_si128((const __m128i *)(p + 16 * i));
    lane[0] = _mm_xor_si128(lane[0], _mm_cvtsi32_si128((int)crc));
    p += 64;
    n -= 64;
    while (n >= 64) {
        for (int i = 0; i < 4; i++) {
            __m128i low = _mm_clmulepi64_si128(lane[i], by512, 0x00);
            __m128i high = _mm_clmulepi64_si128(lane[i], by512, 0x11);
            __m128i next = _mm_loadu_si128((const __m128i *)(p + 16 * i));
            lane[i] = _mm_xor_si128(_mm_xor_si128(low, high), next);
        }
        p += 64;
        n -= 64;
    }
    __m128i folded = lane[0];
    for (int i = 1; i < 4; i++) {
        __m128i low = _mm_clmulepi64_si128(folded, by128, 0x00);
        __m128i high = _mm_clmulepi64_si128(folded, by128, 0x11);
        folded = _mm_xor_si128(_mm_xor_si128(low, high), lane[i]);
    }
    // What 128 bits remain is a message of 16 bytes with the same remainder.
    uint8_t rest[16];
    _mm_storeu_si128((__m128i *)rest, folded);
    crc = sliced(crc32_table, 0, rest, 16);
    return sliced(crc32_table, crc, p, n);
}
#endif

#if defined(__aarch64__) && defined(__ARM_FEATURE_CRC32)
#include <arm_acle.h>
#define ARM_CRC(name, word_step, byte_step)                                  \
    static uint32_t name(uint32_t crc, const uint8_t *p, size_t n) {          \
        for (; n >= 8; p += 8, n -= 8) {                                      \
            uint64_t word;                                                    \
            memcpy(&word, p, 8);                                              \
            crc = word_step(crc, word);                                       \
        }                                                                     \
        while (n--) crc = byte_step(crc, *p++);                               \
        return crc;                                                           \
    }
ARM_CRC(crc32_arm, __crc32d, __crc32b)
ARM_CRC(crc32c_arm, __crc32cd, __crc32cb)
#endif

__attribute__((constructor)) static void prepare(void) {
    fill(crc32_table, 0xEDB88320u);
    fill(crc32c_table, 0x82F63B78u);
#if defined(__x86_64__)
    __builtin_cpu_init();
    has_pclmul = __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1");
    has_sse42 = has_pclmul && __builtin_cpu_supports("sse4.2");
    prepare_lanes();
#endif
}

uint32_t apus_crc32(uint32_t seed, const void *bytes, size_t count) {
    uint32_t crc = ~seed;
#if defined(__x86_64__)
    if (has_pclmul && count >= 64) return ~crc32_pclmul(crc, bytes, count);
#elif defined(__aarch64__) && defined(__ARM_FEATURE_CRC32)
    return ~crc32_arm(crc, bytes, count);
#endif
    return ~sliced(crc32_table, crc, bytes, count);
}

uint32_t apus_crc32c(uint32_t seed, const void *bytes, size_t count) {
    uint32_t crc = ~seed;
#if defined(__x86_64__)
    if (has_sse42) return ~crc32c_sse42(crc, bytes, count);
#elif defined(__aarch64__) && defined(__ARM_FEATURE_CRC32)
    return ~crc32c_arm(crc, bytes, count);
#endif
    return ~sliced(crc32c_table, crc, bytes, count);
}
