import Glibc
import MessageFormat

/// What a group has confirmed so far, byte by byte: nobody may ever hold anything else there.
final class GoldenLog {
    private(set) var bytes: [UInt8] = []

    var end: PhysicalOffset { PhysicalOffset(Int64(self.bytes.count)) }

    func append(_ more: [UInt8]) { self.bytes += more }

    /// The first position in `range` at which `store` differs; nil when it does not. Ranges that
    /// faults have damaged do not count.
    func firstDifference(
        from store: VirtualLogStore, in range: Range<Int64>, countingMissing: Bool = false
    ) -> PhysicalOffset? {
        var position = range.lowerBound
        while position < range.upperBound {
            let base = store.base(of: PhysicalOffset(position)).bytes
            let end = min(range.upperBound, base + Int64(store.segmentBytes))
            let part = position..<end
            let isExcused = store.isDamaged(part) && !(countingMissing && store.isMissing(part))
            if !isExcused, let found = self.difference(store, part) { return PhysicalOffset(found) }
            position = end
        }
        return nil
    }

    /// Within one segment. What a file does not reach reads as zero.
    private func difference(_ store: VirtualLogStore, _ range: Range<Int64>) -> Int64? {
        let base = store.base(of: PhysicalOffset(range.lowerBound))
        let file = store.segments[base]?.bytes ?? []
        let offset = Int(range.lowerBound - base.bytes)
        let present = max(0, min(range.count, file.count - offset))
        let start = Int(range.lowerBound)
        if present > 0 {
            guard self.isSame(file, offset, start, count: present) else {
                let first = (0..<present).first { file[offset + $0] != self.bytes[start + $0] } ?? 0
                return range.lowerBound + Int64(first)
            }
        }
        let rest = (start + present)..<Int(range.upperBound)
        return self.bytes[rest].firstIndex { $0 != 0 }.map { Int64($0) }
    }
}

extension GoldenLog {
    private func isSame(_ file: [UInt8], _ offset: Int, _ start: Int, count: Int) -> Bool {
        file.withUnsafeBytes { file in
            self.bytes.withUnsafeBytes { golden in
                guard let one = file.baseAddress, let other = golden.baseAddress else {
                    return count == 0
                }
                return memcmp(one + offset, other + start, count) == 0
            }
        }
    }
}

extension VirtualLogStore {
    /// The bytes of a range, across segments; what no file reaches reads as zero.
    func copy(_ range: Range<Int64>) -> [UInt8] {
        var copy: [UInt8] = []
        copy.reserveCapacity(range.count)
        var position = range.lowerBound
        while position < range.upperBound {
            let base = self.base(of: PhysicalOffset(position))
            let end = min(range.upperBound, base.bytes + Int64(self.segmentBytes))
            let offset = Int(position - base.bytes)
            let wanted = Int(end - position)
            let file = self.segments[base]?.bytes ?? []
            let present = max(0, min(wanted, file.count - offset))
            if present > 0 { copy += file[offset..<(offset + present)] }
            copy += [UInt8](repeating: 0, count: wanted - present)
            position = end
        }
        return copy
    }

    /// Whether a power cut leaves a range, across segments, as it is.
    func isDurable(_ range: Range<Int64>) -> Bool {
        var position = range.lowerBound
        while position < range.upperBound {
            let base = self.base(of: PhysicalOffset(position))
            let end = min(range.upperBound, base.bytes + Int64(self.segmentBytes))
            let offset = Int(position - base.bytes)
            if let file = self.segments[base] {
                let last = min(offset + Int(end - position), file.bytes.count)
                if offset < last, !file.isDurable(offset..<last) { return false }
            }
            position = end
        }
        return true
    }
}
