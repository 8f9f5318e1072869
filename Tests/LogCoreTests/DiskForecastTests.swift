import LogCore
import MessageFormat
import Testing

@Suite("how long the disk will last")
struct DiskForecastTests {
    @Test("nothing is said before a minute has been seen")
    func early() {
        var forecast = DiskForecast()
        #expect(forecast.secondsUntilFull == nil)
        forecast.note(bytesFree: 1_000, at: Tick(.zero))
        forecast.note(bytesFree: 900, at: Tick(.seconds(59)))
        #expect(forecast.secondsUntilFull == nil)
        forecast.note(bytesFree: 400, at: Tick(.seconds(75)))
        #expect(forecast.secondsUntilFull == 50)
    }

    @Test("a disk that does not shrink lasts for ever")
    func steady() {
        var forecast = DiskForecast()
        for minute in 0..<5 {
            forecast.note(bytesFree: 1_000 + Int64(minute), at: Tick(.seconds(minute * 60)))
        }
        #expect(forecast.secondsUntilFull == .infinity)
    }

    @Test("only the last half hour counts, and samples stay few however often it looks")
    func lookBack() {
        var forecast = DiskForecast()
        // Quick at first, then 1 byte a second.
        for second in 0..<600 {
            forecast.note(
                bytesFree: 1_000_000 - Int64(second) * 500, at: Tick(.seconds(second)))
        }
        for second in 600..<3_000 {
            forecast.note(
                bytesFree: 700_600 - Int64(second), at: Tick(.seconds(second)))
        }
        let left = forecast.secondsUntilFull ?? 0
        #expect(abs(left - 697_600) < 1_000)
    }

    @Test("a full disk has no time left")
    func full() {
        var forecast = DiskForecast()
        forecast.note(bytesFree: 1_000, at: Tick(.zero))
        forecast.note(bytesFree: 0, at: Tick(.seconds(60)))
        #expect(forecast.secondsUntilFull == 0)
    }
}
