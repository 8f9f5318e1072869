/// Which variable of the environment sets a key: `listenPort` is `APUS_LISTEN_PORT`.
package enum EnvironmentName {
    package static let prefix = "APUS_"

    /// Words begin at a capital behind a small letter or digit, and at the last capital of several
    /// when a small letter follows: `brokerIP1` is `APUS_BROKER_IP1`.
    package static func of(key: String) -> String {
        let letters = Array(key)
        var name = Self.prefix
        for (index, letter) in letters.enumerated() {
            if index > 0, letter.isUppercase {
                let isBehindSmall = !letters[index - 1].isUppercase
                let isBeforeSmall = index + 1 < letters.count && letters[index + 1].isLowercase
                if isBehindSmall || isBeforeSmall { name += "_" }
            }
            name += letter.uppercased()
        }
        return name
    }
}
