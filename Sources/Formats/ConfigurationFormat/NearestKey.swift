/// Which known key somebody most likely meant.
package enum NearestKey {
    /// nil: none is like it. Of equally near ones the first.
    package static func of(_ key: String, among known: [String]) -> String? {
        let wanted = Array(key.lowercased().utf8)
        let farthest = max(2, wanted.count / 3)
        var nearest: (key: String, distance: Int)?
        for candidate in known {
            let letters = Array(candidate.lowercased().utf8)
            guard abs(letters.count - wanted.count) <= farthest else { continue }
            let distance = Self.distance(wanted, letters)
            if distance <= farthest, distance < nearest?.distance ?? .max {
                nearest = (candidate, distance)
            }
        }
        return nearest?.key
    }

    /// How many letters have to be put in, left out, exchanged or swapped with their neighbour.
    static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        var beforeLast = [Int](repeating: 0, count: right.count + 1)
        var last = Array(0...right.count)
        for row in 0..<left.count {
            var current = [row + 1]
            for column in 0..<right.count {
                var least = min(
                    last[column + 1] + 1, current[column] + 1,
                    last[column] + (left[row] == right[column] ? 0 : 1))
                if row > 0, column > 0, left[row] == right[column - 1],
                    left[row - 1] == right[column]
                {
                    least = min(least, beforeLast[column - 1] + 1)
                }
                current.append(least)
            }
            (beforeLast, last) = (last, current)
        }
        return last[right.count]
    }
}
