private import CChecksum

/// The two checksums in use: CRC-32 for what clients see, CRC-32C for what lies on disk.
package enum Checksum {
    /// CRC-32 (zlib polynomial). `seed` continues an earlier result.
    package static func crc32(_ bytes: UnsafeRawBufferPointer, seed: UInt32 = 0) -> UInt32 {
        guard let start = bytes.baseAddress else { return seed }
        return apus_crc32(seed, start, bytes.count)
    }

    /// CRC-32C (Castagnoli polynomial). `seed` continues an earlier result.
    package static func crc32c(_ bytes: UnsafeRawBufferPointer, seed: UInt32 = 0) -> UInt32 {
        guard let start = bytes.baseAddress else { return seed }
        return apus_crc32c(seed, start, bytes.count)
    }

    /// The body checksum that a message carries: CRC-32 without its highest bit, 0 for no body.
    package static func ofBody(_ body: UnsafeRawBufferPointer) -> Int32 {
        Int32(bitPattern: Self.crc32(body) & 0x7FFF_FFFF)
    }
}
