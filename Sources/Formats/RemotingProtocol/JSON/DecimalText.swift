/// Integers as decimal text, without a String in between.
package enum DecimalText {
    /// Nil for anything but an optional sign and digits that fit.
    package static func integer<T: FixedWidthInteger & SignedInteger>(
        _ bytes: UnsafeRawBufferPointer, as type: T.Type
    ) -> T? {
        guard let first = bytes.first else { return nil }
        let isNegative = first == UInt8(ascii: "-")
        var index = isNegative || first == UInt8(ascii: "+") ? 1 : 0
        // Zeroes in front do not count, and below 10^18 nothing overflows.
        while index < bytes.count &- 1, bytes[index] == 0x30 { index &+= 1 }
        guard index < bytes.count else { return nil }
        guard bytes.count &- index <= 18 else {
            return T(String(decoding: bytes, as: UTF8.self))
        }
        var value: Int64 = 0
        while index < bytes.count {
            let digit = bytes[index] &- 0x30
            guard digit <= 9 else { return nil }
            value = value &* 10 &+ Int64(digit)
            index &+= 1
        }
        return T(exactly: isNegative ? 0 &- value : value)
    }

    /// `true` in any case, or `1` as old C++ clients write it; anything else is false.
    package static func boolean(_ bytes: UnsafeRawBufferPointer) -> Bool {
        if bytes.count == 1 { return bytes[0] == UInt8(ascii: "1") }
        guard bytes.count == 4 else { return false }
        return (bytes[0] | 0x20, bytes[1] | 0x20, bytes[2] | 0x20, bytes[3] | 0x20)
            == (UInt8(ascii: "t"), UInt8(ascii: "r"), UInt8(ascii: "u"), UInt8(ascii: "e"))
    }
}
