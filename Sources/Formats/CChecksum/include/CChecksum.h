#ifndef APUS_CCHECKSUM_H
#define APUS_CCHECKSUM_H
#include <stddef.h>
#include <stdint.h>

/// CRC-32 with the zlib polynomial (0xEDB88320, reflected). `seed` is 0 or an earlier result.
uint32_t apus_crc32(uint32_t seed, const void *bytes, size_t count);

/// CRC-32C with the Castagnoli polynomial (0x82F63B78, reflected). `seed` is 0 or an earlier result.
uint32_t apus_crc32c(uint32_t seed, const void *bytes, size_t count);

#ifdef APUS_SABOTAGE
/// Whether the environment's APUS_SABOTAGE names this fault.
int apus_sabotage(const char *fault);
#endif

#endif
